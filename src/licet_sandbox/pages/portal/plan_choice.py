"""Reads the customer's choice (price, quantity, promotion code) from a form or a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.discounts.coupons import find_code
from licet_sandbox.billing.portal.portal_plans import PlanChoice, only_item
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def read_choice(tx: Tx, visit: Visit, subscription: Obj, given: dict[str, str]) -> PlanChoice:
    """The customer's choice, with the discounts of the flow that confirms it; 400 if it is invalid."""
    quantity = given.get("quantity", "").strip() or str(only_item(subscription)["quantity"])
    if not (quantity.isascii() and quantity.isdecimal() and len(quantity) <= 6):
        raise invalid("The quantity must be a whole number.", param="quantity")
    at = given.get("at", "")
    return PlanChoice(
        tx.named("price", given.get("price", ""), "price"),
        int(quantity),
        _discounts(tx, visit, subscription, given.get("code", "").strip()),
        int(at) if at.isascii() and at.isdecimal() and len(at) <= 12 else None,
    )


def _discounts(tx: Tx, visit: Visit, subscription: Obj, code: str) -> tuple[Obj, ...]:
    flow = (visit.flow or {}).get("subscription_update_confirm")
    if flow is not None and flow["subscription"] == subscription["id"] and flow["discounts"]:
        return tuple(flow["discounts"])
    if not code:
        return ()
    if "promotion_code" not in visit.feature("subscription_update")["default_allowed_updates"]:
        raise invalid("Promotion codes are not accepted here.", param="code")
    found = find_code(tx, code)
    if found is None:
        raise invalid("This code is invalid.", param="code")
    return ({"promotion_code": found["id"]},)
