"""The discounts of a schedule phase, active while it lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.discounts.coupons import get_coupon
from licet_sandbox.billing.discounts.discounts import (
    Offer,
    active_discounts,
    coupon_of,
    create_discount,
    delete_discount,
)

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def set_phase_discounts(tx: Tx, holder: Obj, entries: list[Obj], **where: str) -> None:
    """Sets the discounts of a subscription or an item to exactly these; the caller saves.

    A discount whose coupon is named again continues.
    """
    present = list(holder["discounts"])
    discounts = []
    for entry in entries:
        found = next((discount_id for discount_id in present if matches_discount(tx, entry, discount_id)), None)
        if found is not None:
            present.remove(found)
            discounts.append(found)
        elif entry["discount"] is None:
            discounts.append(create_discount(tx, _offer(tx, entry), **where))
        else:
            discounts += active_discounts(tx, [entry["discount"]])
    for gone in present:
        delete_discount(tx, gone)
    holder["discounts"] = discounts


def matches_discount(tx: Tx, entry: Obj, discount_id: str) -> bool:
    """True if the entry names this discount by its id, its promotion code or its coupon."""
    if entry["discount"] is not None:
        return bool(entry["discount"] == discount_id)
    discount = tx.get("discount", discount_id)
    if entry["promotion_code"] is not None:
        return bool(entry["promotion_code"] == discount["promotion_code"])
    return bool(entry["coupon"] == coupon_of(discount)["id"])


def _offer(tx: Tx, entry: Obj) -> Offer:
    code = tx.get("promotion_code", entry["promotion_code"]) if entry["promotion_code"] is not None else None
    return Offer(get_coupon(tx, entry["coupon"] if code is None else code["promotion"]["coupon"]), code)
