"""Reading Stripe's JSON: expandable fields, and facts that Stripe keeps in a place of their own."""

from dataclasses import dataclass
from typing import Any

StripeObject = dict[str, Any]


@dataclass(frozen=True)
class Paid:
    """That a payment paid an invoice, where no invoice payment says so. One of its two ids is there.

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
        found: str | None = field.get("id")
        return found
    return field


def subscription_of_invoice(invoice: StripeObject) -> str | None:
    """The subscription that an invoice bills, or None."""
    parent = invoice.get("parent") or {}
    return id_of((parent.get("subscription_details") or {}).get("subscription"))


def payment_of(invoice_payment: StripeObject) -> tuple[str | None, str | None]:
    """(payment intent, charge) of an invoice payment: one of them, or neither."""
    payment = invoice_payment.get("payment") or {}
    return id_of(payment.get("payment_intent")), id_of(payment.get("charge"))


def product_of_price(price: StripeObject) -> str:
    """The product's id of a price, expanded or not."""
    found = id_of(price["product"])
    if found is None:
        raise ValueError(f"price {price.get('id')} names no product")
    return found
