"""How much a coupon takes off, and off which lines. Pure arithmetic in minor units."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licet_sandbox.spec.shapes import Obj


@dataclass(frozen=True)
class Part:
    """One line, as far as a coupon looks at it: what is left of its amount, and which product it is for."""

    amount: int
    product: str | None


def take_off(coupon: Obj, parts: Sequence[Part], currency: str) -> list[int]:
    """What the coupon takes off each line: 0 or more, and never more than the line's amount.

    A percentage is taken of all lines together and rounded once, half up; so is an amount, as far as the lines go. Both
    are then divided over the lines by their amounts. Credits, and products the coupon is not for, stay as they are.
    """
    applies_to = coupon["_"]["applies_to"]
    products = applies_to["products"] if applies_to is not None else None
    bases = [max(part.amount, 0) if products is None or part.product in products else 0 for part in parts]
    total = sum(bases)
    if coupon["percent_off"] is not None:
        share = Decimal(str(coupon["percent_off"])) / 100
        wanted = int((total * share).quantize(Decimal(1), ROUND_HALF_UP))
    else:
        wanted = amount_in(coupon, currency) or 0
    return allot(min(wanted, total), bases)


def amount_in(coupon: Obj, currency: str) -> int | None:
    """The amount that it takes off in this currency; None where it takes a percentage, or nothing in this one."""
    if coupon["currency"] == currency:
        return int(coupon["amount_off"])
    option = coupon["_"]["currency_options"].get(currency)
    return None if option is None else int(option["amount_off"])


def allot(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` divided by these weights: the parts add up to it, and none is more than its weight.

    `amount` is at most the sum of the weights. What rounding down leaves goes to those that lost most by it.
    """
    total = sum(weights)
    if total == 0:
        return [0 for _ in weights]
    parts = [amount * weight // total for weight in weights]
    lost = sorted(range(len(weights)), key=lambda at: (-(amount * weights[at] % total), at))
    for at in lost[: amount - sum(parts)]:
        parts[at] += 1
    return parts
