"""Schedules the next due work of a subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_ENDED = ("canceled", "incomplete_expired")
_DUE_KINDS = (
    "subscription.cycle",
    "subscription.cancel",
    "subscription.trial_will_end",
    "subscription.upcoming_invoice",
    "subscription.collect_again",
)
_DAY = 24 * 3600
_WARNING_SECONDS = 3 * _DAY
# At Stripe a setting of the account ("Manage renewals"), with this default.
_UPCOMING_SECONDS = 7 * _DAY


def ended(subscription: Obj) -> bool:
    """True if the subscription has ended. An ended subscription cannot be resumed."""
    return subscription["status"] in _ENDED


def schedule_due_work(tx: Tx, subscription: Obj) -> None:
    """Schedules the next renewal, trial end, cancellation and resumption of collection."""
    subscription_id, status = subscription["id"], subscription["status"]
    tx.unschedule(subscription_id, *_DUE_KINDS)
    if ended(subscription) or status == "incomplete":
        return
    if subscription["cancel_at"] is not None:
        tx.schedule("subscription.cancel", subscription_id, subscription["cancel_at"])
    held = subscription["pause_collection"]
    if held is not None and held["resumes_at"] is not None:
        tx.schedule("subscription.collect_again", subscription_id, held["resumes_at"])
    if status == "paused":
        return
    renewal = next_period_end(subscription)
    tx.schedule("subscription.cycle", subscription_id, renewal)
    if renewal - _UPCOMING_SECONDS > tx.now:
        tx.schedule("subscription.upcoming_invoice", subscription_id, renewal - _UPCOMING_SECONDS)
    if status == "trialing" and not subscription.get("_", {}).get("warned"):
        warning = max(tx.now, subscription["trial_end"] - _WARNING_SECONDS)
        tx.schedule("subscription.trial_will_end", subscription_id, warning)


def next_period_end(subscription: Obj) -> int:
    """The earliest end of a current period of the items, in epoch seconds."""
    return int(min(item["current_period_end"] for item in subscription["items"]["data"]))
