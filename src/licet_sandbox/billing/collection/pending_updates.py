"""Changes of a subscription that wait for their invoice to be paid: `pending_if_incomplete`.

Until then the subscription stays as it was; what it is to become waits in `_` and shows as `pending_update`.
Source: Stripe, "Pending updates".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.invoices.invoices import void
from licet_sandbox.billing.next_due import next_period_end, plan_ahead

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_LONGEST_SECONDS = 23 * 3600
_SHOWN = ("billing_cycle_anchor", "cancel_at_period_end", "metadata", "trial_end")


def hold_back(tx: Tx, subscription: Obj, before: Obj, invoice: Obj) -> None:
    """Make it what it was, and remember what it is to become once this invoice is paid. `show` or `apply` saves."""
    wanted = {
        key: value
        for key, value in subscription.items()
        if value != before.get(key) and key not in {"_", "latest_invoice"}
    }
    kept = before.get("_", {})
    subscription.clear()
    subscription |= before | {"latest_invoice": invoice["id"]}
    subscription["_"] = {**kept, "update": {"invoice": invoice["id"], "wanted": wanted}}
    tx.save(subscription)


def show(tx: Tx, subscription: Obj) -> None:
    """After the try: where it did not succeed, say what is pending, and until when."""
    update = subscription["_"].get("update")
    if update is None:
        return
    wanted, expires_at = update["wanted"], min(tx.now + _LONGEST_SECONDS, next_period_end(subscription))
    subscription["pending_update"] = {
        "discount": None,
        "discounts": None,
        "expires_at": expires_at,
        "subscription_items": wanted["items"]["data"] if "items" in wanted else None,
        "trial_from_plan": None,
        **{key: wanted.get(key) for key in _SHOWN},
    }
    tx.schedule("subscription.update_expire", subscription["id"], expires_at)
    tx.save(subscription, "customer.subscription.updated")


def awaited(subscription: Obj) -> str | None:
    """The id of the invoice that a pending update waits for, or None."""
    invoice_id: str | None = subscription.get("_", {}).get("update", {}).get("invoice")
    return invoice_id


def settled(tx: Tx, subscription: Obj) -> None:
    """Its invoice was paid: the change is made."""
    wanted = subscription["_"]["update"]["wanted"]
    shown = forget(tx, subscription)
    subscription |= wanted | {"metadata": {**subscription["metadata"], **wanted.get("metadata", {})}}
    applied = ["customer.subscription.pending_update_applied"] if shown else []
    tx.save(subscription, "customer.subscription.updated", *applied)
    plan_ahead(tx, subscription)


def call_off(tx: Tx, subscription: Obj, *events: str) -> None:
    """The change is not made."""
    forget(tx, subscription)
    tx.save(subscription, "customer.subscription.updated", *events)


def expire(tx: Tx, subscription_id: str) -> None:
    """Nobody paid in time: the change is forgotten and its invoice void."""
    subscription = tx.get("subscription", subscription_id)
    discard(tx, subscription, "customer.subscription.pending_update_expired")


def discard(tx: Tx, subscription: Obj, *events: str) -> None:
    """Forget what is pending, if anything is, and void its invoice."""
    invoice_id = awaited(subscription)
    if invoice_id is not None:
        void(tx, tx.get("invoice", invoice_id))
        call_off(tx, subscription, *events)


def forget(tx: Tx, subscription: Obj) -> bool:
    """Wait no longer; False where nothing was shown as pending. The caller saves."""
    tx.unschedule(subscription["id"], "subscription.update_expire")
    waited = subscription.get("_", {}).pop("update", None) is not None
    shown = waited and subscription["pending_update"] is not None
    if shown:
        subscription["pending_update"] = None
    return shown
