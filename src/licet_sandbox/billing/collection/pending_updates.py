"""Updates that wait until their invoice is paid: `pending_if_incomplete`.

Until then the subscription stays as it was; the new values are kept in `_` and shown as `pending_update`.
Source: Stripe, "Pending updates".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.invoices.invoices import void_invoice
from licet_sandbox.billing.next_due import next_period_end, schedule_due_work

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_LONGEST_SECONDS = 23 * 3600
_SHOWN = ("billing_cycle_anchor", "cancel_at_period_end", "metadata", "trial_end")


def defer_update(tx: Tx, subscription: Obj, before: Obj, invoice: Obj) -> None:
    """Restores the subscription's old values and keeps the new ones until this invoice is paid.

    `show_pending_update` or `apply_update` completes it.
    """
    changed = {
        key: value
        for key, value in subscription.items()
        if value != before.get(key) and key not in {"_", "latest_invoice"}
    }
    private = before.get("_", {})
    subscription.clear()
    subscription |= before | {"latest_invoice": invoice["id"]}
    subscription["_"] = {**private, "update": {"invoice": invoice["id"], "wanted": changed}}
    tx.save(subscription)


def show_pending_update(tx: Tx, subscription: Obj) -> None:
    """Shows the update as pending, with its expiry, unless the payment attempt has applied it."""
    update = subscription["_"].get("update")
    if update is None:
        return
    changed, expires_at = update["wanted"], min(tx.now + _LONGEST_SECONDS, next_period_end(subscription))
    subscription["pending_update"] = {
        "discount": None,
        "discounts": None,
        "expires_at": expires_at,
        "subscription_items": changed["items"]["data"] if "items" in changed else None,
        "trial_from_plan": None,
        **{key: changed.get(key) for key in _SHOWN},
    }
    tx.schedule("subscription.update_expire", subscription["id"], expires_at)
    tx.save(subscription, "customer.subscription.updated")


def update_invoice_id(subscription: Obj) -> str | None:
    """The id of the invoice that a pending update waits for, or None."""
    invoice_id: str | None = subscription.get("_", {}).get("update", {}).get("invoice")
    return invoice_id


def apply_update(tx: Tx, subscription: Obj) -> None:
    """Applies the pending update: its invoice was paid."""
    changed = subscription["_"]["update"]["wanted"]
    was_shown = remove_update(tx, subscription)
    subscription |= changed | {"metadata": {**subscription["metadata"], **changed.get("metadata", {})}}
    applied = ["customer.subscription.pending_update_applied"] if was_shown else []
    tx.save(subscription, "customer.subscription.updated", *applied)
    schedule_due_work(tx, subscription)


def abandon_update(tx: Tx, subscription: Obj, *events: str) -> None:
    """Removes the pending update without applying it."""
    remove_update(tx, subscription)
    tx.save(subscription, "customer.subscription.updated", *events)


def expire_update(tx: Tx, subscription_id: str) -> None:
    """Removes a pending update that was not paid in time, and voids its invoice."""
    subscription = tx.get("subscription", subscription_id)
    discard_update(tx, subscription, "customer.subscription.pending_update_expired")


def discard_update(tx: Tx, subscription: Obj, *events: str) -> None:
    """Removes the pending update, if there is one, and voids its invoice."""
    invoice_id = update_invoice_id(subscription)
    if invoice_id is not None:
        void_invoice(tx, tx.get("invoice", invoice_id))
        abandon_update(tx, subscription, *events)


def remove_update(tx: Tx, subscription: Obj) -> bool:
    """Removes the pending update; False if none was shown as pending. The caller saves."""
    tx.unschedule(subscription["id"], "subscription.update_expire")
    was_pending = subscription.get("_", {}).pop("update", None) is not None
    was_shown = was_pending and subscription["pending_update"] is not None
    if was_shown:
        subscription["pending_update"] = None
    return was_shown
