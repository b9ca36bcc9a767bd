"""A subscription is changed directly while a schedule manages it: the schedule takes the change over.

Otherwise its next phase would undo it. Source: Stripe, "Subscription schedules", updates when a schedule is attached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.schedules.phase_discounts import names
from licet_sandbox.billing.schedules.phases import current_of
from licet_sandbox.billing.schedules.shapes import item_as_it_is, kept_discounts

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
    if _billed(phase) != _billed_now(subscription) or _is_granted(tx, subscription, phase):
        _split(tx, schedule, at, _as_it_is(subscription))
    tx.save(schedule, "subscription_schedule.updated")


def _billed(phase: Obj) -> list[object]:
    return [phase["trial_end"], *((item["price"], item["quantity"]) for item in phase["items"])]


def _billed_now(subscription: Obj) -> list[object]:
    items = subscription["items"]["data"]
    return [_trial_end(subscription), *((item["price"]["id"], item["quantity"]) for item in items)]


def _is_granted(tx: Tx, subscription: Obj, phase: Obj) -> bool:
    """Is there a discount that the phase does not know?"""
    return not all(any(names(tx, entry, one) for entry in phase["discounts"]) for one in subscription["discounts"])


def _as_it_is(subscription: Obj) -> Obj:
    return {
        "discounts": kept_discounts(subscription),
        "items": [item_as_it_is(item) for item in subscription["items"]["data"]],
        "trial_end": _trial_end(subscription),
    }


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
