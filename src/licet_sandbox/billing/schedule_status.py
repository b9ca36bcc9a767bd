"""The ends of a subscription schedule: completed, released, canceled or aborted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

OPEN = ("not_started", "active")


def complete(tx: Tx, schedule: Obj) -> None:
    """Its last phase ended, and its subscription with it."""
    _close(tx, schedule, "subscription_schedule.completed", status="completed", completed_at=tx.now)


def release(tx: Tx, schedule: Obj) -> None:
    """The subscription, if there is one, lives on by itself."""
    fields = {"released_subscription": schedule["subscription"], "subscription": None}
    _close(tx, schedule, "subscription_schedule.released", status="released", released_at=tx.now, **fields)


def cancel(tx: Tx, schedule: Obj, *, aborted: bool = False) -> None:
    """Called off; `aborted`: because its subscription was canceled for not paying."""
    events = ["subscription_schedule.aborted"] if aborted else ["subscription_schedule.canceled"]
    _close(tx, schedule, *events, status="canceled", canceled_at=tx.now)


def cancel_with(tx: Tx, subscription: Obj, *, aborted: bool) -> None:
    """The subscription ended before its schedule did."""
    schedule = tx.find(subscription["schedule"]) if subscription["schedule"] is not None else None
    if schedule is not None and schedule["status"] in OPEN:
        cancel(tx, schedule, aborted=aborted)


def cancel_all(tx: Tx, customer_id: str) -> None:
    """The customer is gone: nothing of theirs starts any more."""
    for schedule in tx.select("subscription_schedule", "json ->> '$.customer' = ?", customer_id):
        if schedule["status"] in OPEN:
            cancel(tx, schedule)


def _close(tx: Tx, schedule: Obj, *events: str, **fields: object) -> None:
    tx.unschedule(schedule["id"])
    schedule |= {"current_phase": None, **fields}
    tx.save(schedule, *events)
