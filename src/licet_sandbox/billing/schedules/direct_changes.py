"""Direct changes to a subscription with a schedule, which are copied into the schedule.

Otherwise its next phase would undo them. Source: Stripe, "Subscription schedules", updates when a schedule is attached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.schedules.phase_discounts import matches_discount
from licet_sandbox.billing.schedules.phases import current_phase_index
from licet_sandbox.billing.schedules.shapes import discount_entries, phase_item_of

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def sync_schedule(tx: Tx, subscription: Obj) -> None:
    """Copies a direct change into the schedule.

    Other items, another trial or discount split the current phase; another card or description becomes the default.
    """
    if subscription["schedule"] is None:
        return
    schedule = tx.get("subscription_schedule", subscription["schedule"])
    at = current_phase_index(schedule)
    if at is None:
        return
    phase, defaults = schedule["phases"][at], schedule["default_settings"]
    for name in ("default_payment_method", "description"):
        if subscription[name] != (phase[name] if phase[name] is not None else defaults[name]):
            phase[name], defaults[name] = None, subscription[name]
    if _billed(phase) != _billed_now(subscription) or _has_new_discount(tx, subscription, phase):
        _split(tx, schedule, at, _current_fields(subscription))
    tx.save(schedule, "subscription_schedule.updated")


def _billed(phase: Obj) -> list[object]:
    return [phase["trial_end"], *((item["price"], item["quantity"]) for item in phase["items"])]


def _billed_now(subscription: Obj) -> list[object]:
    items = subscription["items"]["data"]
    return [_trial_end(subscription), *((item["price"]["id"], item["quantity"]) for item in items)]


def _has_new_discount(tx: Tx, subscription: Obj, phase: Obj) -> bool:
    """True if the subscription has a discount that the phase does not name."""
    named = phase["discounts"]
    return not all(any(matches_discount(tx, entry, each) for entry in named) for each in subscription["discounts"])


def _current_fields(subscription: Obj) -> Obj:
    return {
        "discounts": discount_entries(subscription),
        "items": [phase_item_of(item) for item in subscription["items"]["data"]],
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
