"""Converts objects in an older API version's layout to the current one. Tables and no I/O.

A field that is missing in the older layout is missing in the converted object too: `required_fields.py` finds it.
Source: docs/decisions/older-api-versions.md; Stripe's changelog, 2025-03-31.basil and 2025-09-30.clover.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from licet.kit.stripe_objects import Paid, StripeObject, id_of
from licet.kit.versions import kind_of
from licet.stripe_api.version import Layout


@dataclass(frozen=True)
class Body:
    """The object that an event carries.

    unreadable: why `object` cannot be mirrored, or None. If it is set, only the object's id and metadata can be used.
    complete: whether `object` says everything that a read would say. If not, it is mirrored and read.
    paid: payments that an older layout reports within the object. Newer ones report them in `invoice_payment.paid`.
    """

    object: StripeObject
    unreadable: str | None = None
    complete: bool = True
    paid: tuple[Paid, ...] = ()

    @property
    def readable(self) -> bool:
        """Whether the object can be mirrored."""
        return self.unreadable is None


def to_current_layout(obj: StripeObject, layout: Layout | None) -> Body:
    """The object of an event in this layout, converted. layout None: unknown."""
    if layout is None:
        return Body(obj, unreadable="the layout of its API version is unknown")
    if layout == "current":
        return Body(obj)
    if layout in ("basil", "first_basil"):
        names_no_payment = layout == "first_basil" and _paid_by_payment(obj)
        return Body(_convert(obj, SINCE_BASIL), complete=not names_no_payment)
    if _periods_differ(obj):
        return Body(obj, unreadable="its items have different periods, which its API version does not show")
    read_payment = PAYMENT_READERS.get(kind_of(obj))
    paid = read_payment(obj) if read_payment else None
    return Body(_convert(obj, BEFORE_BASIL), paid=(paid,) if paid else ())


def _paid_by_payment(obj: StripeObject) -> bool:
    return kind_of(obj) == "invoice" and obj.get("status") == "paid" and bool(obj.get("amount_paid"))


def _dicts_in(value: Any) -> list[StripeObject]:
    """The objects in a list of Stripe's, `{"data": […]}`; none if it is not one."""
    data = value.get("data") if isinstance(value, dict) else None
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def _periods_differ(obj: StripeObject) -> bool:
    """Whether a subscription's items have different periods: the older layout holds only one."""
    if kind_of(obj) != "subscription":
        return False
    intervals = [(item.get("price") or {}).get("recurring") or {} for item in _dicts_in(obj.get("items"))]
    return len({(each.get("interval"), each.get("interval_count")) for each in intervals}) > 1


Converters = Mapping[str, Callable[[StripeObject], StripeObject]]


def _convert(value: Any, converters: Converters) -> Any:
    """`value` with every object in it, at any depth, converted to the current layout."""
    if isinstance(value, list):
        return [_convert(item, converters) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {name: _convert(item, converters) for name, item in value.items()}
    converter = converters.get(kind_of(inner))
    return converter(inner) if converter else inner


def _without(obj: StripeObject, *names: str) -> StripeObject:
    return {name: value for name, value in obj.items() if name not in names}


def _subscription(old: StripeObject) -> StripeObject:
    """The period moved from the subscription to each of its items."""
    period = {name: old[name] for name in ("current_period_start", "current_period_end") if name in old}
    if not isinstance(old.get("items"), dict):
        return _without(old, *period)
    of_items = {**old["items"], "data": [{**period, **item} for item in _dicts_in(old["items"])]}
    return {**_without(old, *period), "items": of_items}


def _invoice(old: StripeObject) -> StripeObject:
    """The subscription moved to `parent`; `amount_paid` now includes amounts paid out of band."""
    subscription = id_of(old.get("subscription"))
    details = {**(old.get("subscription_details") or {}), "subscription": subscription}
    parent = {"type": "subscription_details", "subscription_details": details} if subscription else None
    paid = {"amount_paid": old.get("amount_due")} if old.get("paid_out_of_band") else {}
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
    if "source" in old:
        return old
    source = {"type": "coupon", "coupon": id_of(old.get("coupon"))}
    return {"source": source, **_without(old, "coupon")}


BEFORE_BASIL: Converters = {
    "subscription": _subscription,
    "invoice": _invoice,
    "line_item": _line_item,
    "charge": _without_invoice,
    "payment_intent": _without_invoice,
    "discount": _discount,
}
"""By kind of object, the conversion from the layout before basil; every other kind is the same in both."""

SINCE_BASIL: Converters = {"discount": _discount}
"""The same from the layout of basil."""


def _paid_invoice(invoice: StripeObject) -> Paid | None:
    by_payment = _paid_by_payment(invoice) and not invoice.get("paid_out_of_band")
    payment = _payment(id_of(invoice.get("payment_intent")), id_of(invoice.get("charge")))
    if not by_payment or payment is None:
        return None
    return Paid(invoice["id"], *payment, invoice["amount_paid"], invoice["currency"]) if "currency" in invoice else None


def _paying_charge(charge: StripeObject) -> Paid | None:
    invoice_id = id_of(charge.get("invoice"))
    payment = _payment(id_of(charge.get("payment_intent")), charge["id"])
    if invoice_id is None or payment is None or not charge.get("paid") or not {"amount", "currency"} <= charge.keys():
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
