"""The upcoming invoice of a subscription, computed by running the renewal and rolling it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.next_due import next_period_end
from licet_sandbox.billing.schedules import subscription_schedules
from licet_sandbox.billing.subscriptions import subscriptions
from licet_sandbox.ids import random_text
from licet_sandbox.spec.shapes import public

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_HOUR = 3600


def emit_upcoming(tx: Tx, subscription_id: str) -> None:
    """Emits `invoice.upcoming`, some days before a renewal. Its invoice has no id."""
    with tx.rehearsal():
        invoice = rehearse_renewal(tx, tx.get("subscription", subscription_id))
        preview = None if invoice is None else as_preview(invoice)
    if preview is not None:
        del preview["id"]
        tx.emit("invoice.upcoming", preview)


def rehearse_renewal(tx: Tx, subscription: Obj) -> Obj | None:
    """Renews the subscription at the end of its period and returns the draft; None: it does not renew.

    Call it only inside a rehearsal (`Tx.rehearsal`).
    """
    ends = next_period_end(subscription)
    if subscription["cancel_at"] is not None and subscription["cancel_at"] <= ends:
        return None
    tx.now = max(tx.now, ends)
    if subscription["schedule"] is not None and tx.due_at("schedule.turn", subscription["schedule"]) <= tx.now:
        subscription_schedules.transition(tx, subscription["schedule"])
    subscriptions.renew(tx, subscription["id"])
    latest = tx.find(subscription["latest_invoice"])
    return latest if latest is not None and latest["created"] == tx.now else None


def as_preview(draft: Obj) -> Obj:
    """A draft in the shape of a preview: all lines in one list, and temporary ids."""
    invoice_id = f"upcoming_in_1{random_text(23)}"
    lines = [line | {"id": f"il_tmp_1{random_text(23)}", "invoice": invoice_id} for line in draft["_"]["lines"]]
    return public(draft) | {
        "id": invoice_id,
        "automatically_finalizes_at": None,
        "billing_reason": "upcoming",
        "lines": {"object": "list", "data": lines, "has_more": False, "url": f"/v1/invoices/{invoice_id}/lines"},
        "next_payment_attempt": draft["created"] + _HOUR,
        "status": "draft",
    }
