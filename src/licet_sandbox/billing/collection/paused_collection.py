"""Invoices of a subscription that are made, but not collected: while it is unpaid or its collection is paused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.invoices.invoices import finalize, mark_paid, mark_uncollectible, void

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def is_held(subscription: Obj) -> bool:
    """Are its new invoices kept from being collected?"""
    return subscription["status"] == "unpaid" or subscription["pause_collection"] is not None


def put_away(tx: Tx, subscription: Obj, invoice: Obj) -> None:
    """What a paused collection makes of a new draft: it stays one, is void, or counts as bad debt."""
    pause = subscription["pause_collection"]
    if pause is None or pause["behavior"] == "keep_as_draft":
        return
    finalize(tx, invoice)
    if pause["behavior"] == "void":
        void(tx, invoice)
    elif invoice["amount_due"] == 0:
        mark_paid(tx, invoice, None)
    else:
        mark_uncollectible(tx, invoice)


def collect_again(tx: Tx, subscription_id: str) -> None:
    """`resumes_at` was reached. Drafts of the time between stay drafts."""
    subscription = tx.get("subscription", subscription_id)
    subscription["pause_collection"] = None
    tx.save(subscription, "customer.subscription.updated")
