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


def id_of(field: str | StripeObject | None) -> str | None:
    """The id in an expandable field, expanded or not."""
    if isinstance(field, dict):
        object_id: str | None = field.get("id")
        return object_id
    return field


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
