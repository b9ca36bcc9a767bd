"""A paused subscription that waits for the invoice of its resumption, and the ways in which that ends.

Until the invoice is settled the subscription stays `paused`; its new periods wait in `_` and show as `pending_update`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.invoices.invoices import void
from licet_sandbox.billing.next_due import plan_ahead

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


def await_settlement(tx: Tx, subscription: Obj, invoice: Obj, plan: dict[str, Any], expires_at: int) -> None:
    """Wait for this invoice, until `expires_at`.

    plan: the new `anchor`; per item id, `periods` with their start and end; `on_success`: a failed try is not enough.
    """
    subscription["_"] = {**subscription.get("_", {}), "resumption": {**plan, "invoice": invoice["id"]}}
    subscription["latest_invoice"] = invoice["id"]
    subscription["pending_update"] = {
        "billing_cycle_anchor": plan["anchor"],
        "expires_at": expires_at,
        **dict.fromkeys(_UNCHANGED),
    }
    tx.schedule("subscription.resumption_expire", subscription["id"], expires_at)


def awaited(subscription: Obj) -> str | None:
    """The id of the invoice that a resumption waits for, or None."""
    invoice_id: str | None = subscription.get("_", {}).get("resumption", {}).get("invoice")
    return invoice_id


def apply(tx: Tx, subscription: Obj, plan: dict[str, Any], status: str) -> None:
    """It is no longer paused: `customer.subscription.updated` and `.resumed`."""
    waited = forget(tx, subscription)
    items = [in_period(item, *plan["periods"][item["id"]]) for item in subscription["items"]["data"]]
    subscription |= {
        "billing_cycle_anchor": plan["anchor"],
        "items": subscription["items"] | {"data": items},
        "status": status,
    }
    subscription.pop("status_details", None)
    applied = ["customer.subscription.pending_update_applied"] if waited else []
    tx.save(subscription, "customer.subscription.updated", *applied, "customer.subscription.resumed")
    plan_ahead(tx, subscription)


def in_period(item: Obj, start: int, end: int) -> Obj:
    """The item as it is in another period."""
    return item | {"current_period_start": start, "current_period_end": end}


def settled(tx: Tx, subscription: Obj, status: str) -> None:
    """Its invoice was paid or written off, or (status `past_due`) a payment that was to bring it back failed."""
    apply(tx, subscription, subscription["_"]["resumption"], status)


def call_off(tx: Tx, subscription: Obj, *events: str) -> None:
    """Without its invoice it stays paused."""
    forget(tx, subscription)
    tx.save(subscription, "customer.subscription.updated", *events)


def expire(tx: Tx, subscription_id: str) -> None:
    """Nobody paid in time."""
    subscription = tx.get("subscription", subscription_id)
    invoice = tx.get("invoice", subscription["_"]["resumption"]["invoice"])
    void(tx, invoice)
    call_off(tx, subscription, "customer.subscription.pending_update_expired")


def forget(tx: Tx, subscription: Obj) -> bool:
    """Wait no longer; False where it did not. The caller saves."""
    tx.unschedule(subscription["id"], "subscription.resumption_expire")
    waited = subscription.get("_", {}).pop("resumption", None) is not None
    if waited:
        subscription["pending_update"] = None
    return waited
