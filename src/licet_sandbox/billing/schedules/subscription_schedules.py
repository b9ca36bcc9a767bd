"""Subscription schedules over time: they start, change phase, and end."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from licet_sandbox.billing import schedule_status
from licet_sandbox.billing.collection import subscription_status
from licet_sandbox.billing.schedules.phase_start import (
    apply_phase,
    billing_options_of,
    clear_cancellation,
    set_cancel_at,
)
from licet_sandbox.billing.schedules.phases import current_phase_index, next_phase
from licet_sandbox.billing.schedules.shapes import default_settings, phase_of
from licet_sandbox.billing.schedules.start import make_scheduled_subscription, start_subscription
from licet_sandbox.billing.subscriptions import updates
from licet_sandbox.billing.subscriptions.subscriptions import final_invoice

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_WARNING_SECONDS = 7 * 24 * 3600


def schedule_transitions(tx: Tx, schedule: Obj) -> None:
    """Schedules the next start or end of a phase, and the warning a week before the end."""
    tx.unschedule(schedule["id"])
    current = schedule["current_phase"]
    at = schedule["phases"][0]["start_date"] if current is None else current["end_date"]
    tx.schedule("schedule.turn", schedule["id"], at)
    warning = schedule["phases"][-1]["end_date"] - _WARNING_SECONDS
    if warning > tx.now:
        tx.schedule("schedule.expiring", schedule["id"], warning)


def warn_expiring(tx: Tx, schedule_id: str) -> None:
    """Emits `subscription_schedule.expiring`, a week before the end."""
    tx.emit("subscription_schedule.expiring", tx.get("subscription_schedule", schedule_id))


def transition(tx: Tx, schedule_id: str) -> None:
    """Starts the next phase, or ends the schedule after the last one."""
    schedule = tx.get("subscription_schedule", schedule_id)
    upcoming = next_phase(schedule)
    if schedule["subscription"] is None:
        start_schedule(tx, schedule)
    elif upcoming is not None:
        enter_phase(tx, schedule, upcoming)
    else:
        _finish(tx, schedule)


def start_schedule(tx: Tx, schedule: Obj, event: str = "subscription_schedule.updated") -> None:
    """Starts the first phase: makes its subscription."""
    phase = schedule["phases"][0]
    _set_current(schedule, phase)
    subscription = make_scheduled_subscription(tx, schedule, phase)
    schedule |= {"status": "active", "subscription": subscription["id"]}
    set_cancel_at(tx, schedule, subscription)
    start_subscription(tx, subscription, phase)
    tx.save(schedule, event)
    schedule_transitions(tx, schedule)


def create_from_subscription(tx: Tx, subscription: Obj) -> Obj:
    """Creates a schedule for an existing subscription: one phase, its current period.

    A scheduled cancellation is kept.
    """
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
    schedule_transitions(tx, schedule)
    return schedule


def apply_schedule_update(tx: Tx, schedule: Obj, options: updates.BillingOptions, *, edited: bool) -> None:
    """Applies an update of the schedule to its subscription.

    edited: the phases were replaced, so that the current one may have changed or ended
    """
    at = current_phase_index(schedule)
    if at is None:
        _apply_update_before_start(tx, schedule)
        return
    phase, subscription = schedule["phases"][at], tx.get("subscription", schedule["subscription"])
    _set_current(schedule, phase)
    if phase["end_date"] <= tx.now:
        enter_phase(tx, schedule, schedule["phases"][at + 1])
        return
    if edited:
        apply_phase(tx, schedule, subscription, phase, options, entering=False)
    else:
        before = copy.deepcopy(subscription)
        set_cancel_at(tx, schedule, subscription)
        updates.apply_change(tx, subscription, before, options)
    _continue(tx, schedule)


def _continue(tx: Tx, schedule: Obj) -> None:
    """Saves the schedule, unless its subscription has ended: a trial that ended without a card."""
    if schedule["status"] == "active":
        tx.save(schedule, "subscription_schedule.updated")
        schedule_transitions(tx, schedule)


def _apply_update_before_start(tx: Tx, schedule: Obj) -> None:
    if schedule["phases"][0]["start_date"] <= tx.now:
        start_schedule(tx, schedule)
        return
    tx.save(schedule, "subscription_schedule.updated")
    schedule_transitions(tx, schedule)


def enter_phase(tx: Tx, schedule: Obj, phase: Obj) -> None:
    """Starts a phase.

    At the end of a billing period this comes before the renewal, which bills the new prices.
    """
    _set_current(schedule, phase)
    subscription = tx.get("subscription", schedule["subscription"])
    apply_phase(tx, schedule, subscription, phase, billing_options_of(schedule, phase), entering=True)
    _continue(tx, schedule)


def release_from_schedule(tx: Tx, schedule: Obj, *, keep_end: bool = False) -> None:
    """Releases the schedule; the subscription continues without it.

    keep_end: keeps the cancellation date that the schedule gave the subscription
    """
    subscription = tx.find(schedule["subscription"]) if schedule["subscription"] is not None else None
    schedule_status.release_schedule(tx, schedule)
    if subscription is None:
        return
    before = copy.deepcopy(subscription)
    subscription["schedule"] = None
    if not keep_end:
        clear_cancellation(subscription)
    updates.apply_change(tx, subscription, before, updates.BillingOptions())


def _finish(tx: Tx, schedule: Obj) -> None:
    if schedule["end_behavior"] == "release":
        release_from_schedule(tx, schedule)
        return
    subscription = tx.get("subscription", schedule["subscription"])
    schedule_status.complete_schedule(tx, schedule)
    subscription_status.end_subscription(tx, subscription, reason="cancellation_requested")
    final_invoice(tx, subscription)


def _set_current(schedule: Obj, phase: Obj) -> None:
    schedule["current_phase"] = {"start_date": phase["start_date"], "end_date": phase["end_date"]}
