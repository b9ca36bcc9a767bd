"""A subscription is changed directly while a schedule manages it: the schedule takes the change over.

Otherwise its next phase would undo it. Source: Stripe, "Subscription schedules", updates when a schedule is attached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.phases import current_of
from licet_sandbox.billing.schedule_shapes import phase_item

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def keep_up(tx: Tx, subscription: Obj) -> None:
    """Split the current phase where other things are billed now; another card or description becomes the default."""
    if subscription["schedule"] is None:
        return
    schedule = tx.get("subscription_schedule", subscription["schedule"])
    at = current_of(schedule)
    if at is None:
        return
    phase, defaults = schedule["phases"][at], schedule["default_settings"]
    for name in ("default_payment_method", "description"):
        if subscription[name] != (phase[name] if phase[name] is not None else defaults[name]):
            phase[name], defaults[name] = None, subscription[name]
    changed = {"items": _items(subscription), "trial_end": _trial_end(subscription)}
    if any(phase[name] != value for name, value in changed.items()):
        _split(tx, schedule, at, changed)
    tx.save(schedule, "subscription_schedule.updated")


def _items(subscription: Obj) -> list[Obj]:
    return [
        phase_item(item["price"]["id"], item["quantity"], item["metadata"]) for item in subscription["items"]["data"]
    ]


def _trial_end(subscription: Obj) -> int | None:
    return subscription["trial_end"] if subscription["status"] == "trialing" else None


def _split(tx: Tx, schedule: Obj, at: int, changed: Obj) -> None:
    phase = schedule["phases"][at]
    if phase["start_date"] == tx.now:
        phase |= changed
        return
    following = {**phase, **changed, "start_date": tx.now}
    phase |= {"end_date": tx.now, "trial_end": None if phase["trial_end"] is None else min(phase["trial_end"], tx.now)}
    schedule["phases"].insert(at + 1, following)
    schedule["current_phase"] = {"start_date": tx.now, "end_date": following["end_date"]}
