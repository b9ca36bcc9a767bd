"""Draft invoices of renewals: Stripe finalizes and charges them about an hour after it creates them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection.collection import collect_automatically, record_payment
from licet_sandbox.billing.invoices.invoices import finalize_invoice

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

DRAFT_SECONDS = 3600
"""How long an invoice stays a draft."""


def schedule_finalization(tx: Tx, invoice: Obj) -> None:
    """Schedules the end of the draft, an hour from now."""
    tx.schedule("invoice.finalize", invoice["id"], tx.now + DRAFT_SECONDS)


def finalize_due(tx: Tx, invoice_id: str) -> None:
    """Finalizes a renewal's draft, which is due after an hour, and collects it."""
    invoice = tx.get("invoice", invoice_id)
    if invoice["status"] != "draft":
        return
    finalize_invoice(tx, invoice)
    if invoice["amount_due"] == 0:
        record_payment(tx, invoice, None)
        return
    collect_automatically(tx, invoice)
