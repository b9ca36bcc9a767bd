"""Reads Stripe's JSON: expandable fields, and fields nested in other objects."""

from dataclasses import dataclass
from typing import Any

StripeObject = dict[str, Any]


@dataclass(frozen=True)
class Paid:
    """A payment of an invoice that is known without an invoice payment. One of the two ids is set.

    amount: in minor units of `currency`.
    """

    invoice_id: str
    payment_intent_id: str | None
    charge_id: str | None
    amount: int
    currency: str


EXPANDABLE = frozenset(
    {
        "charge",
        "credit_note",
        "customer",
        "default_payment_method",
        "default_price",
        "default_source",
        "invoice",
        "latest_charge",
        "latest_invoice",
        "payment_intent",
        "payment_link",
        "payment_method",
        "pending_setup_intent",
        "product",
        "released_subscription",
        "schedule",
        "setup_intent",
        "subscription",
    }
)
"""Fields that hold the id of another object, or the whole object if they are expanded."""


def id_of(field: Any) -> str | None:
    """The id in an expandable field, expanded or not; None if there is none."""
    object_id = field.get("id") if isinstance(field, dict) else field
    return object_id if isinstance(object_id, str) else None


def with_ids(obj: StripeObject) -> StripeObject:
    """The object with its expanded fields replaced by ids, as in an event that expands nothing."""
    return {name: id_of(value) or value if name in EXPANDABLE else value for name, value in obj.items()}


def subscription_of_invoice(invoice: StripeObject) -> str | None:
    """The subscription that an invoice bills, or None."""
    parent = invoice.get("parent") or {}
    return id_of((parent.get("subscription_details") or {}).get("subscription"))


def payment_of(invoice_payment: StripeObject) -> tuple[str | None, str | None]:
    """(payment intent, charge) of an invoice payment: one of them is set, or neither."""
    payment = invoice_payment.get("payment") or {}
    return id_of(payment.get("payment_intent")), id_of(payment.get("charge"))


def product_of_price(price: StripeObject) -> str:
    """The id of a price's product, expanded or not. Raises ValueError if there is none."""
    product_id = id_of(price["product"])
    if product_id is None:
        raise ValueError(f"price {price.get('id')} names no product")
    return product_id
