"""Discounts: coupons applied to subscriptions, items, invoices and checkouts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from licet_sandbox.billing.discounts.amounts import DiscountableLine, allocate_discount
from licet_sandbox.billing.discounts.coupons import redeem
from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.periods import add_months
from licet_sandbox.spec.shapes import public

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


@dataclass(frozen=True)
class Offer:
    """A coupon to apply, with the promotion code that it was redeemed by, if any."""

    coupon: Obj
    code: Obj | None = None


def create_discount(tx: Tx, offer: Offer, *, instead: str | None = None, **where: str | None) -> str:
    """Redeems an offer; returns the id of the new discount.

    where: the object that the discount is on, and its customer
    instead: the discount that it replaces, which ends
    """
    redeem(tx, offer.coupon, offer.code)
    months = offer.coupon["duration_in_months"]
    end = None
    if offer.coupon["duration"] == "repeating":
        end = int(add_months(datetime.fromtimestamp(tx.now, UTC), months).timestamp())
    discount = tx.create(
        "discount",
        end=end,
        promotion_code=offer.code["id"] if offer.code is not None else None,
        source={"type": "coupon", "coupon": offer.coupon["id"]},
        start=tx.now,
        # Later changes to the coupon do not affect the discount.
        _={"coupon": dict(offer.coupon)},
        **where,
    )
    if end is not None:
        tx.schedule("discount.end", discount["id"], end)
    if instead is not None:
        _replace(tx, tx.get("discount", instead), discount)
    elif _emits_events(discount):
        tx.emit("customer.discount.created", discount)
    return str(discount["id"])


def _replace(tx: Tx, old: Obj, discount: Obj) -> None:
    """Ends the old discount; one event shows the new one with the old values."""
    before = {key: value for key, value in public(old).items() if value != discount[key]}
    _end(tx, old)
    if _emits_events(discount):
        tx.emit("customer.discount.updated", discount, previous=before)


def delete_discount(tx: Tx, discount_id: str) -> None:
    """Ends the discount. Invoices that it was applied to keep its amounts."""
    discount = tx.get("discount", discount_id)
    _end(tx, discount)
    if _emits_events(discount):
        tx.emit("customer.discount.deleted", discount)


def _end(tx: Tx, discount: Obj) -> None:
    tx.unschedule(discount["id"])
    discount["end"] = tx.now
    tx.save(discount)


def _emits_events(discount: Obj) -> bool:
    """True for a discount on a subscription or a purchase. Discounts of a single invoice emit no events."""
    return discount["customer"] is not None and discount["invoice"] is None and discount["invoice_item"] is None


def end_discount_due(tx: Tx, discount_id: str) -> None:
    """Ends the discount of a repeating coupon after its months."""
    discount = tx.get("discount", discount_id)
    subscription = tx.find(discount["subscription"] or "") or tx.find_subscription_of_item(
        discount["subscription_item"] or ""
    )
    if subscription is not None:
        if ended(subscription):
            return
        _remove_from(subscription, discount_id)
        tx.save(subscription, "customer.subscription.updated")
    delete_discount(tx, discount_id)


def discounts_on(subscription: Obj) -> list[str]:
    """The discounts of a subscription and of its items."""
    holders = (subscription, *subscription["items"]["data"])
    return [discount_id for holder in holders for discount_id in holder["discounts"]]


def _remove_from(subscription: Obj, discount_id: str) -> None:
    items = [item | {"discounts": _without(item, discount_id)} for item in subscription["items"]["data"]]
    # New dicts: events of this transaction still hold the old ones.
    subscription |= {
        "discounts": _without(subscription, discount_id),
        "items": subscription["items"] | {"data": items},
    }


def _without(holder: Obj, discount_id: str) -> list[str]:
    return [other for other in holder["discounts"] if other != discount_id]


def active_discounts(tx: Tx, discount_ids: list[str]) -> list[str]:
    """The ids of the discounts that have not ended."""
    found = [tx.find(discount_id) for discount_id in discount_ids]
    return [each["id"] for each in found if each is not None and (each["end"] is None or each["end"] > tx.now)]


def apply_discounts(tx: Tx, invoice: Obj) -> None:
    """Sets the discount amounts of an invoice and of its lines.

    The discounts of a line come first, then the invoice's own.
    """
    lines = invoice["_"]["lines"]
    for line in lines:
        line["discount_amounts"] = []
        for discount_id in line["discounts"]:
            _apply_discount(tx, discount_id, [line], invoice["currency"])
    for discount_id in invoice["discounts"]:
        _apply_discount(tx, discount_id, lines, invoice["currency"])
    totals: dict[str, int] = {}
    for line in lines:
        for entry in line["discount_amounts"]:
            totals[entry["discount"]] = totals.get(entry["discount"], 0) + entry["amount"]
    invoice["total_discount_amounts"] = [{"amount": amount, "discount": key} for key, amount in totals.items()]


def _apply_discount(tx: Tx, discount_id: str, lines: list[Obj], currency: str) -> None:
    coupon = coupon_of(tx.get("discount", discount_id))
    parts = [DiscountableLine(_undiscounted(line), _product_of(line)) for line in lines]
    for line, amount in zip(lines, allocate_discount(coupon, parts, currency), strict=True):
        if amount:
            line["discount_amounts"] = [*line["discount_amounts"], {"amount": amount, "discount": discount_id}]


def coupon_of(discount: Obj) -> Obj:
    """The coupon of a discount, as it was when the discount was created."""
    coupon: Obj = discount["_"]["coupon"]
    return coupon


def _undiscounted(line: Obj) -> int:
    if not line["discountable"]:
        return 0
    return int(line["amount"] - sum(entry["amount"] for entry in line["discount_amounts"]))


def _product_of(line: Obj) -> str | None:
    details = (line["pricing"] or {}).get("price_details") or {}
    product: str | None = details.get("product")
    return product


def consume_once_discounts(tx: Tx, invoice: Obj, subscription: Obj | None) -> None:
    """Removes a discount with `duration=once` from its subscription once an invoice has used it."""
    if subscription is None:
        return
    taken = [entry["discount"] for entry in invoice["total_discount_amounts"]]
    used = [discount_id for discount_id in discounts_on(subscription) if discount_id in taken]
    spent = [discount_id for discount_id in used if coupon_of(tx.get("discount", discount_id))["duration"] == "once"]
    if not spent:
        return
    for discount_id in spent:
        _remove_from(subscription, discount_id)
    tx.save(subscription, "customer.subscription.updated")
    for discount_id in spent:
        delete_discount(tx, discount_id)
