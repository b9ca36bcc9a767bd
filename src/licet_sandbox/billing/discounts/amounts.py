"""How much a coupon discounts, and on which lines. Pure arithmetic in minor units."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from licet_sandbox.kit.currencies import round_to_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licet_sandbox.spec.shapes import Obj


@dataclass(frozen=True)
class DiscountableLine:
    """A line as a coupon sees it: its amount after earlier discounts, and its product."""

    amount: int
    product: str | None


def allocate_discount(coupon: Obj, parts: Sequence[DiscountableLine], currency: str) -> list[int]:
    """The discount on each line: 0 or more, never more than the line's amount.

    A percentage is computed on all lines together and rounded once, half up, to an amount that the currency can have;
    a fixed amount is capped at their sum.
    Both are then allocated to the lines in proportion. Credits, and products outside `applies_to`, get no discount.
    """
    applies_to = coupon["_"]["applies_to"]
    products = applies_to["products"] if applies_to is not None else None
    bases = [max(part.amount, 0) if products is None or part.product in products else 0 for part in parts]
    total = sum(bases)
    if coupon["percent_off"] is not None:
        share = Decimal(str(coupon["percent_off"])) / 100
        discount = round_to_step(total * share, currency)
    else:
        discount = amount_off_in(coupon, currency) or 0
    return allocate(min(discount, total), bases)


def amount_off_in(coupon: Obj, currency: str) -> int | None:
    """The `amount_off` in this currency; None for a percentage, or if the coupon has none in it."""
    if coupon["currency"] == currency:
        return int(coupon["amount_off"])
    option = coupon["_"]["currency_options"].get(currency)
    return None if option is None else int(option["amount_off"])


def allocate(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` divided in proportion to the weights: the parts add up to it, none exceeds its weight.

    `amount` is at most the sum of the weights. Units lost to rounding down go to the parts that lost most.
    """
    total = sum(weights)
    if total == 0:
        return [0 for _ in weights]
    parts = [amount * weight // total for weight in weights]
    lost = sorted(range(len(weights)), key=lambda at: (-(amount * weights[at] % total), at))
    for at in lost[: amount - sum(parts)]:
        parts[at] += 1
    return parts
