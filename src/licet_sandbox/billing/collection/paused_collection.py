"""Invoices that are created but not collected: unpaid subscriptions, paused collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.invoices.invoices import (
    finalize_invoice,
    mark_invoice_uncollectible,
    mark_paid,
    void_invoice,
)

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def is_collection_stopped(subscription: Obj) -> bool:
    """True if new invoices of this subscription are not collected."""
    return subscription["status"] == "unpaid" or subscription["pause_collection"] is not None


def apply_pause_behavior(tx: Tx, subscription: Obj, invoice: Obj) -> None:
    """Applies `pause_collection[behavior]` to a new draft: keep it, void it, or mark it uncollectible."""
    pause = subscription["pause_collection"]
    if pause is None or pause["behavior"] == "keep_as_draft":
        return
    finalize_invoice(tx, invoice)
    if pause["behavior"] == "void":
        void_invoice(tx, invoice)
    elif invoice["amount_due"] == 0:
        mark_paid(tx, invoice, None)
    else:
        mark_invoice_uncollectible(tx, invoice)


def resume_collection(tx: Tx, subscription_id: str) -> None:
    """Resumes collection at `resumes_at`. Drafts that were created meanwhile stay drafts."""
    subscription = tx.get("subscription", subscription_id)
    subscription["pause_collection"] = None
    tx.save(subscription, "customer.subscription.updated")
