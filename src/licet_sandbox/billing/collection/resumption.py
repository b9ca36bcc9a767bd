"""Resumptions that wait for their invoice.

Until the invoice is paid the subscription stays `paused`; its new periods are kept in `_` and shown as
`pending_update`. Source: Stripe, "Pause subscriptions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.invoices.invoices import void_invoice
from licet_sandbox.billing.next_due import schedule_due_work

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_UNCHANGED = (
    "cancel_at_period_end",
    "discount",
    "discounts",
    "metadata",
    "subscription_items",
    "trial_end",
    "trial_from_plan",
)


def await_invoice(tx: Tx, subscription: Obj, invoice: Obj, plan: dict[str, Any], expires_at: int) -> None:
    """Makes the resumption wait for this invoice until `expires_at` (epoch seconds); the caller saves.

    plan: the new `anchor`; `periods`, start and end by item id; `on_success`: a failed attempt does not resume.
    """
    subscription["_"] = {**subscription.get("_", {}), "resumption": {**plan, "invoice": invoice["id"]}}
    subscription["latest_invoice"] = invoice["id"]
    subscription["pending_update"] = {
        "billing_cycle_anchor": plan["anchor"],
        "expires_at": expires_at,
        **dict.fromkeys(_UNCHANGED),
    }
    tx.schedule("subscription.resumption_expire", subscription["id"], expires_at)


def resumption_invoice_id(subscription: Obj) -> str | None:
    """The id of the invoice that a resumption waits for, or None."""
    invoice_id: str | None = subscription.get("_", {}).get("resumption", {}).get("invoice")
    return invoice_id


def apply_resumption(tx: Tx, subscription: Obj, plan: dict[str, Any], status: str) -> None:
    """Ends the pause: `customer.subscription.updated` and `.resumed`."""
    was_pending = remove_resumption(tx, subscription)
    items = [with_period(item, *plan["periods"][item["id"]]) for item in subscription["items"]["data"]]
    subscription |= {
        "billing_cycle_anchor": plan["anchor"],
        "items": subscription["items"] | {"data": items},
        "status": status,
    }
    subscription.pop("status_details", None)
    applied = ["customer.subscription.pending_update_applied"] if was_pending else []
    tx.save(subscription, "customer.subscription.updated", *applied, "customer.subscription.resumed")
    schedule_due_work(tx, subscription)


def with_period(item: Obj, start: int, end: int) -> Obj:
    """The item with another current period."""
    return item | {"current_period_start": start, "current_period_end": end}


def complete_resumption(tx: Tx, subscription: Obj, status: str) -> None:
    """Ends the pause after its invoice was paid or marked uncollectible.

    Also after a failed attempt that is enough to resume, with status `past_due`.
    """
    apply_resumption(tx, subscription, subscription["_"]["resumption"], status)


def abandon_resumption(tx: Tx, subscription: Obj, *events: str) -> None:
    """Removes the pending resumption; the subscription stays paused."""
    remove_resumption(tx, subscription)
    tx.save(subscription, "customer.subscription.updated", *events)


def expire_resumption(tx: Tx, subscription_id: str) -> None:
    """Removes a resumption that was not paid in time, and voids its invoice."""
    subscription = tx.get("subscription", subscription_id)
    invoice = tx.get("invoice", subscription["_"]["resumption"]["invoice"])
    void_invoice(tx, invoice)
    abandon_resumption(tx, subscription, "customer.subscription.pending_update_expired")


def remove_resumption(tx: Tx, subscription: Obj) -> bool:
    """Removes the pending resumption; False if there was none. The caller saves."""
    tx.unschedule(subscription["id"], "subscription.resumption_expire")
    was_pending = subscription.get("_", {}).pop("resumption", None) is not None
    if was_pending:
        subscription["pending_update"] = None
    return was_pending
