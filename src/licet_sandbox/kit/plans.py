"""Plans: the older form of recurring prices, which some objects still include."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.spec.shapes import new

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj


def plan_of(price: Obj) -> Obj:
    """A recurring price as a plan."""
    recurring = price["recurring"]
    return new(
        "plan",
        id=price["id"],
        active=price["active"],
        amount=price["unit_amount"],
        amount_decimal=price["unit_amount_decimal"],
        billing_scheme=price["billing_scheme"],
        created=price["created"],
        currency=price["currency"],
        interval=recurring["interval"],
        interval_count=recurring["interval_count"],
        metadata=price["metadata"],
        nickname=price["nickname"],
        product=price["product"],
        usage_type=recurring["usage_type"],
    )
