"""Subscription schedules over time: they start a subscription, or turn one from phase to phase, and end."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from licet_sandbox.billing import schedule_status
from licet_sandbox.billing.collection import subscription_status
from licet_sandbox.billing.schedules.phase_start import clear_end, how_to_enter, set_end, take_on
from licet_sandbox.billing.schedules.phases import current_of, next_of
from licet_sandbox.billing.schedules.shapes import default_settings, phase_of
from licet_sandbox.billing.schedules.start import launch, make_scheduled
from licet_sandbox.billing.subscriptions import updates
from licet_sandbox.billing.subscriptions.subscriptions import final_invoice

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_WARNING_SECONDS = 7 * 24 * 3600


def plan(tx: Tx, schedule: Obj) -> None:
    """Let its next moments fall due: the start or end of a phase, and the warning a week before its end."""
    tx.unschedule(schedule["id"])
    current = schedule["current_phase"]
    turns_at = schedule["phases"][0]["start_date"] if current is None else current["end_date"]
    tx.schedule("schedule.turn", schedule["id"], turns_at)
    warning = schedule["phases"][-1]["end_date"] - _WARNING_SECONDS
    if warning > tx.now:
        tx.schedule("schedule.expiring", schedule["id"], warning)


def warn(tx: Tx, schedule_id: str) -> None:
    """A week before its end."""
    tx.emit("subscription_schedule.expiring", tx.get("subscription_schedule", schedule_id))


def turn(tx: Tx, schedule_id: str) -> None:
    """A phase begins, or the last one is over."""
    schedule = tx.get("subscription_schedule", schedule_id)
    upcoming = next_of(schedule)
    if schedule["subscription"] is None:
        begin(tx, schedule)
    elif upcoming is not None:
        enter(tx, schedule, upcoming)
    else:
        _finish(tx, schedule)


def begin(tx: Tx, schedule: Obj, event: str = "subscription_schedule.updated") -> None:
    """The first phase: its subscription is made."""
    phase = schedule["phases"][0]
    _set_current(schedule, phase)
    subscription = make_scheduled(tx, schedule, phase)
    schedule |= {"status": "active", "subscription": subscription["id"]}
    set_end(tx, schedule, subscription)
    launch(tx, subscription, phase)
    tx.save(schedule, event)
    plan(tx, schedule)


def wrap(tx: Tx, subscription: Obj) -> Obj:
    """A schedule around a subscription that is there: one phase, its current period. A planned end is kept."""
    phase = phase_of(subscription)
    schedule = tx.new(
        "subscription_schedule",
        billing_mode=subscription["billing_mode"],
        customer=subscription["customer"],
        default_settings=default_settings(
            default_payment_method=subscription["default_payment_method"], description=subscription["description"]
        ),
        end_behavior="release" if subscription["cancel_at"] is None else "cancel",
        metadata={},
        phases=[phase],
        status="active",
        subscription=subscription["id"],
    )
    _set_current(schedule, phase)
    tx.insert(schedule, "subscription_schedule.created")
    subscription["schedule"] = schedule["id"]
    tx.save(subscription, "customer.subscription.updated")
    plan(tx, schedule)
    return schedule


def take_over(tx: Tx, schedule: Obj, how: updates.How, *, edited: bool) -> None:
    """After an update. edited: its phases were replaced, and the current one perhaps changed or ended."""
    at = current_of(schedule)
    if at is None:
        _take_over_plan(tx, schedule)
        return
    phase, subscription = schedule["phases"][at], tx.get("subscription", schedule["subscription"])
    _set_current(schedule, phase)
    if phase["end_date"] <= tx.now:
        enter(tx, schedule, schedule["phases"][at + 1])
        return
    if edited:
        take_on(tx, schedule, subscription, phase, how, entering=False)
    else:
        before = copy.deepcopy(subscription)
        set_end(tx, schedule, subscription)
        updates.apply(tx, subscription, before, how)
    tx.save(schedule, "subscription_schedule.updated")
    plan(tx, schedule)


def _take_over_plan(tx: Tx, schedule: Obj) -> None:
    if schedule["phases"][0]["start_date"] <= tx.now:
        begin(tx, schedule)
        return
    tx.save(schedule, "subscription_schedule.updated")
    plan(tx, schedule)


def enter(tx: Tx, schedule: Obj, phase: Obj) -> None:
    """From phase to phase. At the end of a billing period this comes before the renewal, which bills the new prices."""
    _set_current(schedule, phase)
    subscription = tx.get("subscription", schedule["subscription"])
    take_on(tx, schedule, subscription, phase, how_to_enter(schedule, phase), entering=True)
    tx.save(schedule, "subscription_schedule.updated")
    plan(tx, schedule)


def let_go(tx: Tx, schedule: Obj, *, keep_end: bool = False) -> None:
    """Release: the subscription lives on by itself, without (or with: `keep_end`) the end that the schedule gave it."""
    subscription = tx.find(schedule["subscription"]) if schedule["subscription"] is not None else None
    schedule_status.release(tx, schedule)
    if subscription is None:
        return
    before = copy.deepcopy(subscription)
    subscription["schedule"] = None
    if not keep_end:
        clear_end(subscription)
    updates.apply(tx, subscription, before, updates.How())


def _finish(tx: Tx, schedule: Obj) -> None:
    if schedule["end_behavior"] == "release":
        let_go(tx, schedule)
        return
    subscription = tx.get("subscription", schedule["subscription"])
    schedule_status.complete(tx, schedule)
    subscription_status.end(tx, subscription, reason="cancellation_requested")
    final_invoice(tx, subscription)


def _set_current(schedule: Obj, phase: Obj) -> None:
    schedule["current_phase"] = {"start_date": phase["start_date"], "end_date": phase["end_date"]}
