"""The discounts that a phase of a schedule names: in use while it lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.discounts.coupons import get_coupon
from licet_sandbox.billing.discounts.discounts import Offer, coupon_of, drop, grant, in_force

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def put_on(tx: Tx, holder: Obj, entries: list[Obj], **where: str) -> None:
    """Let exactly these stand on a subscription or an item; one whose coupon is there already goes on. No save."""
    present = list(holder["discounts"])
    kept = []
    for entry in entries:
        found = next((one for one in present if names(tx, entry, one)), None)
        if found is not None:
            present.remove(found)
            kept.append(found)
        elif entry["discount"] is None:
            kept.append(grant(tx, _offer(tx, entry), **where))
        else:
            kept += in_force(tx, [entry["discount"]])
    for gone in present:
        drop(tx, gone)
    holder["discounts"] = kept


def names(tx: Tx, entry: Obj, discount_id: str) -> bool:
    """Is this the discount that the entry means, by its id, its promotion code or its coupon?"""
    if entry["discount"] is not None:
        return bool(entry["discount"] == discount_id)
    discount = tx.get("discount", discount_id)
    if entry["promotion_code"] is not None:
        return bool(entry["promotion_code"] == discount["promotion_code"])
    return bool(entry["coupon"] == coupon_of(discount)["id"])


def _offer(tx: Tx, entry: Obj) -> Offer:
    code = tx.get("promotion_code", entry["promotion_code"]) if entry["promotion_code"] is not None else None
    return Offer(get_coupon(tx, entry["coupon"] if code is None else code["promotion"]["coupon"]), code)
