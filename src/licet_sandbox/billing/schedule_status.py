"""How a subscription schedule ends: completed, released, canceled or aborted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

OPEN = ("not_started", "active")


def complete_schedule(tx: Tx, schedule: Obj) -> None:
    """Completes the schedule: its last phase has ended, and the subscription with it."""
    _close(tx, schedule, "subscription_schedule.completed", status="completed", completed_at=tx.now)


def release_schedule(tx: Tx, schedule: Obj) -> None:
    """Releases the schedule: its subscription, if there is one, continues without it."""
    fields = {"released_subscription": schedule["subscription"], "subscription": None}
    _close(tx, schedule, "subscription_schedule.released", status="released", released_at=tx.now, **fields)


def cancel_schedule(tx: Tx, schedule: Obj, *, aborted: bool = False) -> None:
    """Cancels the schedule. aborted: because its subscription was canceled for nonpayment."""
    events = ["subscription_schedule.aborted"] if aborted else ["subscription_schedule.canceled"]
    _close(tx, schedule, *events, status="canceled", canceled_at=tx.now)


def cancel_with_subscription(tx: Tx, subscription: Obj, *, aborted: bool) -> None:
    """Cancels the schedule of a subscription that ended before its schedule did."""
    schedule = tx.find(subscription["schedule"]) if subscription["schedule"] is not None else None
    if schedule is not None and schedule["status"] in OPEN:
        cancel_schedule(tx, schedule, aborted=aborted)


def cancel_customer_schedules(tx: Tx, customer_id: str) -> None:
    """Cancels all open schedules of a customer who is deleted."""
    for schedule in tx.select("subscription_schedule", "json ->> '$.customer' = ?", customer_id):
        if schedule["status"] in OPEN:
            cancel_schedule(tx, schedule)


def _close(tx: Tx, schedule: Obj, *events: str, **fields: object) -> None:
    tx.unschedule(schedule["id"])
    schedule |= {"current_phase": None, **fields}
    tx.save(schedule, *events)
