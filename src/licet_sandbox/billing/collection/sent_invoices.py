"""Invoices that are sent to the customer, to be paid by their due date: `send_invoice`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import subscription_status
from licet_sandbox.billing.collection.dunning import load_dunning
from licet_sandbox.billing.invoices.invoices import subscription_of
from licet_sandbox.billing.next_due import ended

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_DAY = 24 * 3600


def is_sent_invoice(invoice: Obj) -> bool:
    """True if the invoice is sent instead of charged."""
    return bool(invoice["collection_method"] == "send_invoice")


def send_invoice(tx: Tx, invoice: Obj) -> None:
    """Emits `invoice.sent`, which at Stripe accompanies the email; the sandbox sends none."""
    tx.emit("invoice.sent", invoice)


def mark_overdue(tx: Tx, invoice_id: str) -> None:
    """Marks an unpaid invoice overdue and its subscription past due; later applies the dunning settings.

    How much later is a setting at Stripe. Here it is as long as the retries of a card would have taken.
    """
    invoice = tx.get("invoice", invoice_id)
    if invoice["status"] != "open":
        return
    subscription, dunning = subscription_of(tx, invoice), load_dunning(tx.store)
    if not invoice["_"].get("overdue"):
        invoice["_"]["overdue"] = True
        tx.save(invoice, "invoice.overdue")
        subscription_status.invoice_failed(tx, invoice)
        if subscription is not None:
            tx.schedule("invoice.overdue", invoice_id, tx.now + sum(dunning.retry_days) * _DAY)
    elif subscription is not None and not ended(subscription):
        subscription_status.retries_ended(tx, subscription, dunning.after_retries)
