"""Previews of a subscription schedule's next invoice: as it is, after a change, or for a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.schedules import subscription_schedules
from licet_sandbox.errors import invalid
from licet_sandbox.resources.schedules.subscription_schedules import apply_schedule_params, build_schedule, check_open

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_NAMES = ("schedule", "schedule_details")


def names_schedule(p: Params) -> bool:
    """True if the parameters name a schedule; 400 if they name a subscription as well."""
    given = [name for name in _NAMES if p.peek(name)]
    for other in ("subscription", "subscription_details"):
        if given and other in p:
            message = f"You cannot use `{other}` together with `{given[0]}`."
            raise invalid(message, param=other, code="parameters_exclusive")
    return bool(given)


def scheduled_subscription(tx: Tx, p: Params) -> tuple[Obj, Obj | None]:
    """The schedule's subscription, started if necessary, and the invoice that this made, or None.

    Call it only inside `tx.rehearsal()`.
    """
    details = p.sub("schedule_details")
    if p.text("schedule") is None:
        customer = tx.named("customer", p.need("customer"), "customer")
        schedule = build_schedule(tx, details, customer["id"], tx.now)
    else:
        schedule = tx.named("subscription_schedule", p.get("schedule"), "schedule")
        _check_customer(schedule, p)
        check_open(schedule, "preview")
        if details:
            apply_schedule_params(tx, schedule, details)
    if schedule["subscription"] is None:
        tx.now = max(tx.now, schedule["phases"][0]["start_date"])
        subscription_schedules.start_schedule(tx, schedule)
    subscription = tx.get("subscription", schedule["subscription"])
    latest = None if subscription["latest_invoice"] is None else tx.find(subscription["latest_invoice"])
    made = latest if latest is not None and latest["id"] in tx.written else None
    return subscription, made


def _check_customer(schedule: Obj, p: Params) -> None:
    customer_id = p.text("customer")
    if customer_id not in (None, schedule["customer"]):
        raise invalid(f"The schedule does not belong to the customer `{customer_id}`.", param="schedule")
