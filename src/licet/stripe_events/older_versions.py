"""Converts objects in an older API version's layout to the current one. Tables and no I/O.

Source: docs/decisions/older-api-versions.md; Stripe's changelog, 2025-03-31.basil and 2025-09-30.clover.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from licet.kit.stripe_objects import Paid, StripeObject, id_of
from licet.stripe_api.version import Layout


@dataclass(frozen=True)
class Body:
    """The object that an event carries.

    readable: whether `object` is in the current layout; if not, only its id can be used.
    paid: payments that an older layout reports within the object. Newer ones report them in `invoice_payment.paid`.
    """

    object: StripeObject
    readable: bool = True
    paid: tuple[Paid, ...] = ()


def to_current_layout(obj: StripeObject, layout: Layout | None) -> Body:
    """The object of an event in this layout, converted. layout None: unknown."""
    if layout is None or (layout == "before_basil" and _periods_differ(obj)):
        return Body(obj, readable=False)
    if layout == "current":
        return Body(obj)
    read_payment = PAYMENT_READERS.get(obj.get("object", ""))
    paid = read_payment(obj) if read_payment else None
    return Body(_convert(obj), paid=(paid,) if paid else ())


def _periods_differ(obj: StripeObject) -> bool:
    """Whether a subscription's items have different periods: the older layout holds only one."""
    if obj.get("object") != "subscription":
        return False
    intervals = [item["price"].get("recurring") or {} for item in obj["items"]["data"]]
    return len({(each.get("interval"), each.get("interval_count")) for each in intervals}) > 1


def _convert(value: Any) -> Any:
    """`value` with every object in it, at any depth, converted to the current layout."""
    if isinstance(value, list):
        return [_convert(item) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {name: _convert(item) for name, item in value.items()}
    converter = CONVERTERS.get(str(inner.get("object")))
    return converter(inner) if converter else inner


def _without(obj: StripeObject, *names: str) -> StripeObject:
    return {name: value for name, value in obj.items() if name not in names}


def _subscription(old: StripeObject) -> StripeObject:
    """The period moved from the subscription to each of its items."""
    period = {name: old[name] for name in ("current_period_start", "current_period_end") if name in old}
    items = old["items"]
    of_items = {**items, "data": [{**period, **item} for item in items["data"]]}
    return {**_without(old, *period), "items": of_items}


def _invoice(old: StripeObject) -> StripeObject:
    """The subscription moved to `parent`; `amount_paid` now includes amounts paid out of band."""
    subscription = id_of(old.get("subscription"))
    details = {**(old.get("subscription_details") or {}), "subscription": subscription}
    parent = {"type": "subscription_details", "subscription_details": details} if subscription else None
    paid = {"amount_paid": old["amount_due"]} if old.get("paid_out_of_band") else {}
    moved = ("subscription", "subscription_details", "payment_intent", "charge", "paid", "paid_out_of_band")
    return {"parent": parent, **_without(old, *moved), **paid}


def _line_item(old: StripeObject) -> StripeObject:
    """The price moved to `pricing`, and the subscription item or invoice item to `parent`."""
    price = old.get("price") or {}
    pricing = {
        "type": "price_details",
        "price_details": {"price": price.get("id"), "product": id_of(price.get("product"))},
        "unit_amount_decimal": price.get("unit_amount_decimal"),
    }
    of_item = old.get("subscription_item") is not None
    kind = "subscription_item_details" if of_item else "invoice_item_details"
    details = ("invoice_item", "proration", "proration_details", "subscription", "subscription_item")
    parent = {"type": kind, kind: {name: old.get(name) for name in details if of_item or name != "subscription_item"}}
    moved = {"price", "plan", "type", *details} - {"subscription"}
    return {"parent": parent, "pricing": pricing if price else None, **_without(old, *moved)}


def _without_invoice(old: StripeObject) -> StripeObject:
    """The invoice moved to an object of its own, the invoice payment."""
    return _without(old, "invoice")


def _discount(old: StripeObject) -> StripeObject:
    """The coupon moved to `source`."""
    source = {"type": "coupon", "coupon": id_of(old.get("coupon"))}
    return {"source": source, **_without(old, "coupon")}


CONVERTERS: Mapping[str, Callable[[StripeObject], StripeObject]] = {
    "subscription": _subscription,
    "invoice": _invoice,
    "line_item": _line_item,
    "charge": _without_invoice,
    "payment_intent": _without_invoice,
    "discount": _discount,
}
"""By kind of object, the conversion from the layout before basil; every other kind is the same in both."""


def _paid_invoice(invoice: StripeObject) -> Paid | None:
    by_payment = invoice.get("status") == "paid" and not invoice.get("paid_out_of_band")
    payment = _payment(id_of(invoice.get("payment_intent")), id_of(invoice.get("charge")))
    if not by_payment or payment is None:
        return None
    return Paid(invoice["id"], *payment, invoice["amount_paid"], invoice["currency"])


def _paying_charge(charge: StripeObject) -> Paid | None:
    invoice_id = id_of(charge.get("invoice"))
    payment = _payment(id_of(charge.get("payment_intent")), charge["id"])
    if invoice_id is None or payment is None or not charge.get("paid"):
        return None
    return Paid(invoice_id, *payment, charge["amount"], charge["currency"])


def _payment(payment_intent_id: str | None, charge_id: str | None) -> tuple[str | None, str | None] | None:
    """(payment intent, charge) as an invoice payment names it: the charge only where there is no intent."""
    if payment_intent_id is not None:
        return payment_intent_id, None
    return None if charge_id is None else (None, charge_id)


PAYMENT_READERS: Mapping[str, Callable[[StripeObject], Paid | None]] = {
    "invoice": _paid_invoice,
    "charge": _paying_charge,
}
"""By kind of object, the function that reads the payment of an invoice from it."""
