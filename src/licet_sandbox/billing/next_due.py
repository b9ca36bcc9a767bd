"""When a subscription is next looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_ENDED = ("canceled", "incomplete_expired")
_PLANNED = (
    "subscription.cycle",
    "subscription.cancel",
    "subscription.trial_will_end",
    "subscription.upcoming_invoice",
    "subscription.collect_again",
)
_DAY = 24 * 3600
_WARNING_SECONDS = 3 * _DAY
# In Stripe a setting of the account ("Manage renewals"); this is its default.
_UPCOMING_SECONDS = 7 * _DAY


def ended(subscription: Obj) -> bool:
    """Over for good?"""
    return subscription["status"] in _ENDED


def plan_ahead(tx: Tx, subscription: Obj) -> None:
    """Let its next moments fall due: the end of the period or trial, a scheduled end, collection that goes on."""
    subscription_id, status = subscription["id"], subscription["status"]
    tx.unschedule(subscription_id, *_PLANNED)
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
    """When the item that ends first ends."""
    return int(min(item["current_period_end"] for item in subscription["items"]["data"]))
