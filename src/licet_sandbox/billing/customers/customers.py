"""Creates and deletes customers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing import schedule_status
from licet_sandbox.billing.collection import subscription_status
from licet_sandbox.billing.invoices.invoices import stop_collecting
from licet_sandbox.billing.next_due import ended
from licet_sandbox.ids import random_text

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


_DRAFTS = "json ->> '$.customer' = ? AND json ->> '$.status' = 'draft' AND json ->> '$.auto_advance'"


def make_customer(tx: Tx, **fields: object) -> Obj:
    """A customer in Stripe's shape; not yet stored."""
    return tx.new(
        "customer",
        **{
            "balance": 0,
            "delinquent": False,
            "invoice_prefix": random_text(8).upper(),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "metadata": {},
            "next_invoice_sequence": 1,
            "preferred_locales": [],
            "tax_exempt": "none",
            **fields,
        },
    )


def delete_customer(tx: Tx, customer: Obj) -> Obj:
    """Deletes a customer: ends the subscriptions, detaches the cards; drafts stay drafts.

    Returns Stripe's stub.
    """
    for subscription in tx.select("subscription", "json ->> '$.customer' = ?", customer["id"]):
        if not ended(subscription):
            subscription_status.end_subscription(tx, subscription, reason="cancellation_requested")
    schedule_status.cancel_customer_schedules(tx, customer["id"])
    for draft in tx.select("invoice", _DRAFTS, customer["id"]):
        stop_collecting(tx, draft)
    for method in tx.select("payment_method", "json ->> '$.customer' = ?", customer["id"]):
        method["customer"] = None
        method["_"]["detached"] = True
        tx.save(method)
        tx.emit("payment_method.detached", method, previous={"customer": customer["id"]})
    return tx.delete(customer, "customer.deleted")
