"""Discounts: a coupon in use, on a subscription, an item, an invoice or a checkout, and what it takes off invoices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from licet_sandbox.billing.discounts.amounts import Part, take_off
from licet_sandbox.billing.discounts.coupons import redeem
from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.periods import add_months
from licet_sandbox.spec.shapes import public

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


@dataclass(frozen=True)
class Offer:
    """A coupon that somebody wants to use, with the promotion code by which they came to it, if any."""

    coupon: Obj
    code: Obj | None = None


def grant(tx: Tx, offer: Offer, *, instead: str | None = None, **where: str | None) -> str:
    """Put an offer to use: its discount's id. `where` is what the discount stands on, and its customer.

    instead: the discount whose place it takes, which ends
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
        # A discount in use goes on as it was, whatever becomes of its coupon.
        _={"coupon": dict(offer.coupon)},
        **where,
    )
    if end is not None:
        tx.schedule("discount.end", discount["id"], end)
    if instead is not None:
        _switch(tx, tx.get("discount", instead), discount)
    elif _is_customer_s(discount):
        tx.emit("customer.discount.created", discount)
    return str(discount["id"])


def _switch(tx: Tx, old: Obj, discount: Obj) -> None:
    """One takes the other's place: a single event, with what it was before."""
    before = {key: value for key, value in public(old).items() if value != discount[key]}
    _end(tx, old)
    if _is_customer_s(discount):
        tx.emit("customer.discount.updated", discount, previous=before)


def drop(tx: Tx, discount_id: str) -> None:
    """It counts no more; invoices that it was on keep what it took off."""
    discount = tx.get("discount", discount_id)
    _end(tx, discount)
    if _is_customer_s(discount):
        tx.emit("customer.discount.deleted", discount)


def _end(tx: Tx, discount: Obj) -> None:
    tx.unschedule(discount["id"])
    discount["end"] = tx.now
    tx.save(discount)


def _is_customer_s(discount: Obj) -> bool:
    """Does it stand on something that goes on, or on a purchase? One invoice's discount is no event."""
    return discount["customer"] is not None and discount["invoice"] is None and discount["invoice_item"] is None


def end_due(tx: Tx, discount_id: str) -> None:
    """The months of a repeating coupon have passed."""
    discount = tx.get("discount", discount_id)
    subscription = tx.find(discount["subscription"] or "") or tx.find_with(discount["subscription_item"] or "")
    if subscription is not None:
        if ended(subscription):
            return
        _take_from(subscription, discount_id)
        tx.save(subscription, "customer.subscription.updated")
    drop(tx, discount_id)


def standing_on(subscription: Obj) -> list[str]:
    """The discounts of a subscription and of its items."""
    return [one for holder in (subscription, *subscription["items"]["data"]) for one in holder["discounts"]]


def _take_from(subscription: Obj, discount_id: str) -> None:
    items = [item | {"discounts": _without(item, discount_id)} for item in subscription["items"]["data"]]
    # New dicts: events of this moment hold the items as they were.
    subscription |= {
        "discounts": _without(subscription, discount_id),
        "items": subscription["items"] | {"data": items},
    }


def _without(holder: Obj, discount_id: str) -> list[str]:
    return [one for one in holder["discounts"] if one != discount_id]


def in_force(tx: Tx, discount_ids: list[str]) -> list[str]:
    """Those whose time has not passed."""
    found = [tx.find(discount_id) for discount_id in discount_ids]
    return [one["id"] for one in found if one is not None and (one["end"] is None or one["end"] > tx.now)]


def spread(tx: Tx, invoice: Obj) -> None:
    """Write what discounts take off each line, and off the invoice: first those of a line, then the invoice's own."""
    lines = invoice["_"]["lines"]
    for line in lines:
        line["discount_amounts"] = []
        for discount_id in line["discounts"]:
            _take(tx, discount_id, [line], invoice["currency"])
    for discount_id in invoice["discounts"]:
        _take(tx, discount_id, lines, invoice["currency"])
    totals: dict[str, int] = {}
    for line in lines:
        for entry in line["discount_amounts"]:
            totals[entry["discount"]] = totals.get(entry["discount"], 0) + entry["amount"]
    invoice["total_discount_amounts"] = [{"amount": amount, "discount": key} for key, amount in totals.items()]


def _take(tx: Tx, discount_id: str, lines: list[Obj], currency: str) -> None:
    coupon = coupon_of(tx.get("discount", discount_id))
    parts = [Part(_left(line), _product_of(line)) for line in lines]
    for line, amount in zip(lines, take_off(coupon, parts, currency), strict=True):
        if amount:
            line["discount_amounts"] = [*line["discount_amounts"], {"amount": amount, "discount": discount_id}]


def coupon_of(discount: Obj) -> Obj:
    """The coupon behind a discount, as it was when it was granted."""
    coupon: Obj = discount["_"]["coupon"]
    return coupon


def _left(line: Obj) -> int:
    if not line["discountable"]:
        return 0
    return int(line["amount"] - sum(entry["amount"] for entry in line["discount_amounts"]))


def _product_of(line: Obj) -> str | None:
    details = (line["pricing"] or {}).get("price_details") or {}
    product: str | None = details.get("product")
    return product


def use_up(tx: Tx, invoice: Obj, subscription: Obj | None) -> None:
    """A discount that holds once is gone from its subscription when it has taken something off an invoice."""
    if subscription is None:
        return
    taken = [entry["discount"] for entry in invoice["total_discount_amounts"]]
    mine = [one for one in standing_on(subscription) if one in taken]
    spent = [one for one in mine if coupon_of(tx.get("discount", one))["duration"] == "once"]
    if not spent:
        return
    for discount_id in spent:
        _take_from(subscription, discount_id)
    tx.save(subscription, "customer.subscription.updated")
    for discount_id in spent:
        drop(tx, discount_id)
