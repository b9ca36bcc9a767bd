"""Subscription schedules: create, update, cancel, release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing import schedule_status
from licet_sandbox.billing.customers.one_currency import check_one_currency
from licet_sandbox.billing.schedules import subscription_schedules
from licet_sandbox.billing.schedules.phases import current_phase_index
from licet_sandbox.billing.schedules.shapes import default_settings
from licet_sandbox.billing.subscriptions.updates import BillingOptions
from licet_sandbox.errors import invalid
from licet_sandbox.kit.fields import merge_metadata, metadata_of
from licet_sandbox.kit.lists import Where, page, ranged, same
from licet_sandbox.resources.schedules.phases import (
    epoch_seconds,
    read_phases,
    read_settings,
    refuse_unsupported_settings,
)
from licet_sandbox.resources.subscriptions.create_params import billing_mode
from licet_sandbox.resources.subscriptions.subscriptions import cancel_now

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# `from_subscription` allows only these. `pause_schedules` is not read here, so it is refused as unsupported.
_ALONE = ("from_subscription", "expand", "pause_schedules")


def create(tx: Tx, p: Params) -> Obj:
    """Create a schedule from an existing subscription, or for one that starts at `start_date`."""
    if p.text("from_subscription") is not None:
        return _wrap(tx, p)
    customer = tx.named("customer", p.need("customer"), "customer")
    start = epoch_seconds(tx, p.need("start_date"))
    schedule = build_schedule(tx, p, customer["id"], start)
    if start <= tx.now:
        subscription_schedules.start_schedule(tx, schedule, "subscription_schedule.created")
    else:
        tx.emit("subscription_schedule.created", schedule)
        subscription_schedules.schedule_transitions(tx, schedule)
    return schedule


def build_schedule(tx: Tx, p: Params, customer_id: str, start: int) -> Obj:
    """Create and store a schedule that has not started."""
    phases = read_phases(tx, p, customer_id, start, None)
    if phases[0]["end_date"] <= tx.now:
        raise invalid("The first phase must end in the future.", param=f"{p.name('phases')}[0][end_date]")
    check_one_currency(tx, customer_id, phases[0]["currency"])
    return tx.insert(
        tx.new(
            "subscription_schedule",
            billing_mode=billing_mode(p),
            customer=customer_id,
            default_settings=_defaults(tx, p, customer_id),
            end_behavior=_end_behavior(p),
            metadata=metadata_of(p),
            phases=phases,
            status="not_started",
        )
    )


def _wrap(tx: Tx, p: Params) -> Obj:
    for name in p.names():
        if name not in _ALONE:
            message = f"You cannot set `{name}` if `from_subscription` is set."
            raise invalid(message, param=name, code="parameters_exclusive")
    subscription = tx.named("subscription", p.get("from_subscription"), "from_subscription")
    if subscription["schedule"] is not None:
        message = (
            f"You cannot migrate a subscription that is already attached to a schedule: `{subscription['schedule']}`."
        )
        raise invalid(message, param="from_subscription")
    if subscription["status"] not in {"active", "trialing", "past_due", "unpaid"}:
        message = f"You cannot migrate a subscription that is currently in the `{subscription['status']}` status."
        raise invalid(message, param="from_subscription")
    return subscription_schedules.create_from_subscription(tx, subscription)


def _defaults(tx: Tx, p: Params, customer_id: str) -> Obj:
    given = p.sub("default_settings")
    refuse_unsupported_settings(given)
    read = read_settings(tx, given, customer_id)
    return default_settings(
        billing_cycle_anchor=given.get("billing_cycle_anchor", "automatic"),
        **{key: value for key, value in read.items() if value is not None},
    )


def _end_behavior(p: Params) -> str:
    p.refuse("end_behavior", "release", "cancel")
    return str(p.get("end_behavior", "release"))


def retrieve(tx: Tx, _: Params, schedule_id: str) -> Obj:
    """Retrieve a schedule."""
    return tx.get("subscription_schedule", schedule_id)


def update(tx: Tx, p: Params, schedule_id: str) -> Obj:
    """Update a schedule. `phases` replaces the current and future phases; past ones stay."""
    schedule = tx.get("subscription_schedule", schedule_id)
    check_open(schedule, "update")
    apply_schedule_params(tx, schedule, p)
    return schedule


def apply_schedule_params(tx: Tx, schedule: Obj, p: Params) -> None:
    """Apply the parameters of an update to the schedule and to its subscription."""
    merge_metadata(schedule, p)
    if "end_behavior" in p:
        schedule["end_behavior"] = _end_behavior(p)
    if "default_settings" in p:
        schedule["default_settings"] = _defaults(tx, p, schedule["customer"])
    how = BillingOptions(proration_behavior=p.get("proration_behavior", "create_prorations"), off_session=True)
    if "phases" in p:
        _replace_phases(tx, schedule, p)
    subscription_schedules.apply_schedule_update(tx, schedule, how, edited="phases" in p)


def _replace_phases(tx: Tx, schedule: Obj, p: Params) -> None:
    given = p.subs("phases")
    if not given or given[0].get("start_date") is None:
        message = (
            "The subscription schedule update is missing at least one phase with a `start_date` to anchor end dates to."
        )
        raise invalid(message, param="phases")
    start = epoch_seconds(tx, given[0].get("start_date"))
    current = current_phase_index(schedule)
    past: list[Obj] = []
    anchor = None
    if current is not None:
        past = schedule["phases"][:current]
        anchor = tx.get("subscription", schedule["subscription"])["billing_cycle_anchor"]
    phases = read_phases(tx, p, schedule["customer"], start, anchor)
    if current is not None:
        # Past phases may be left out or given again; they do not change.
        began = schedule["current_phase"]["start_date"]
        phases = [phase for phase in phases if phase["start_date"] >= began]
        if (
            (start != began and start not in {phase["start_date"] for phase in past})
            or not phases
            or phases[0]["start_date"] != began
        ):
            message = "You can not modify the start date of the current phase."
            raise invalid(message, param="phases[0][start_date]")
    if phases[-1]["end_date"] <= tx.now:
        raise invalid("The last phase must end in the future.", param="phases")
    if phases[0]["currency"] != schedule["phases"][0]["currency"]:
        check_one_currency(tx, schedule["customer"], phases[0]["currency"], but=schedule["id"])
    schedule["phases"] = past + phases


def cancel(tx: Tx, p: Params, schedule_id: str) -> Obj:
    """Cancel a schedule and its subscription immediately."""
    schedule = tx.get("subscription_schedule", schedule_id)
    check_open(schedule, "cancel")
    prorate, invoice_now = p.get("prorate", True), p.get("invoice_now", True)
    if schedule["subscription"] is None:
        schedule_status.cancel_schedule(tx, schedule)
    else:
        cancel_now(tx, tx.get("subscription", schedule["subscription"]), prorate=prorate, invoice_now=invoice_now)
    return schedule


def release(tx: Tx, p: Params, schedule_id: str) -> Obj:
    """Release the subscription from its schedule; the subscription continues."""
    schedule = tx.get("subscription_schedule", schedule_id)
    check_open(schedule, "release")
    subscription_schedules.release_from_schedule(tx, schedule, keep_end=p.get("preserve_cancel_date", False))
    return schedule


def check_open(schedule: Obj, verb: str) -> None:
    """400 if the schedule has ended or was released."""
    if schedule["status"] not in schedule_status.OPEN:
        message = (
            f"You cannot {verb} a subscription schedule that is currently in the `{schedule['status']}` status. "
            "It must be in one of the following statuses: `not_started`, `active`."
        )
        raise invalid(message)


def list_all(tx: Tx, p: Params) -> Obj:
    """List schedules, newest first."""
    wheres: list[Where] = []
    for name in ("canceled_at", "completed_at", "released_at"):
        wheres += ranged(p, name)
    if p.get("scheduled", False):
        wheres.append(("json ->> '$.status' = 'not_started'", ()))
    return page(tx, p, "subscription_schedule", "/v1/subscription_schedules", same(p, "customer"), wheres)
