"""Stripe subscription schedules, which hold a change of plan that is pending until the period ends.

While a subscription has a schedule, only the schedule can cancel it. So a cancellation replaces the pending change in
the schedule in one call: if that call is refused or lost, the change is still pending. Source: Stripe's documentation,
"Subscription schedules", and its error "updating any cancelation behavior directly is not allowed. Please update the
schedule instead."
"""

from datetime import datetime
from typing import Any

import structlog

from licet.actions.subscriptions.lock import SubscriptionChanging
from licet.errors import StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject, id_of
from licet.plans.store import CurrentPlan
from licet.stripe_api.client import StripeApi
from licet.stripe_events import sync
from licet.subscriptions.store import SubscriptionRecord

log = structlog.get_logger(__name__)

OVER = frozenset({"completed", "released", "canceled"})
"""Statuses of a schedule that has ended."""


async def release_schedule(ctx: Context, schedule_id: str | None, cause: Cause, *, keep_end: bool = False) -> None:
    """Release the subscription from its schedule, dropping the pending change.

    Does nothing without a schedule. schedule_id: the subscription's schedule, or None. keep_end: a cancellation that
    the schedule holds becomes the subscription's own. Raises StripeRefused, StripeUnavailable.
    """
    if schedule_id is None:
        return
    params = {"preserve_cancel_date": True} if keep_end else None
    try:
        await sync.act(ctx, "subscription_schedule", schedule_id, "release", cause, params=params)
    except StripeRefused:
        # The schedule may have completed a moment ago.
        schedule = await sync.read(ctx, ctx.stripe, "subscription_schedule", schedule_id, cause)
        if schedule is not None and schedule["status"] not in OVER:
            raise


async def recreate_schedule(ctx: Context, schedule_id: str | None, cause: Cause) -> None:
    """Schedule a pending change again, because Stripe refused the cancellation that it was dropped for.

    Raises nothing: the caller reports Stripe's refusal.
    """
    if schedule_id is None:
        return
    try:
        released = await ctx.stripe.retrieve("subscription_schedule", schedule_id)
        if released is not None and released["status"] == "released":
            await _recreate(ctx, released, cause)
    except Exception:
        log.exception("pending_change_lost", schedule=schedule_id)


async def _recreate(ctx: Context, released: StripeObject, cause: Cause) -> None:
    """Create a schedule with the coming phases of `released`, the old schedule, which Stripe keeps."""
    future_phases = [phase for phase in released["phases"] if phase["start_date"] > ctx.now().timestamp()]
    if not future_phases and released["end_behavior"] == "release":
        return
    subscription_id = released["released_subscription"]
    schedule = await ctx.stripe.create("subscription_schedule", {"from_subscription": subscription_id})
    now = current_phase(schedule)
    ends_at = future_phases[0]["start_date"] if future_phases else now["end_date"]
    first = {**phase_params(now), "start_date": now["start_date"], "end_date": ends_at}
    later = [
        {**phase_params(phase), "proration_behavior": phase["proration_behavior"], "end_date": phase["end_date"]}
        for phase in future_phases
    ]
    params = {"phases": [first, *later], "end_behavior": released["end_behavior"]}
    await sync.update(ctx, "subscription_schedule", schedule["id"], params, cause)
    # The subscription now refers to its schedule: mirror that.
    await sync.read(ctx, ctx.stripe, "subscription", subscription_id, cause)


async def cancel_by_schedule(ctx: Context, schedule_id: str, period_end_at: datetime, cause: Cause) -> None:
    """Have the schedule cancel its subscription when the period ends, in place of the pending change.

    Raises SubscriptionChanging if the schedule is over, StripeRefused, StripeUnavailable.
    """
    schedule = await ctx.stripe.retrieve("subscription_schedule", schedule_id)
    if schedule is None or schedule["status"] in OVER:
        raise SubscriptionChanging
    now = current_phase(schedule)
    phase = {**phase_params(now), "start_date": now["start_date"], "end_date": int(period_end_at.timestamp())}
    params = {"phases": [phase], "end_behavior": "cancel"}
    await sync.update(ctx, "subscription_schedule", schedule_id, params, cause)


def scheduled_to_cancel_at_stripe(subscription: StripeObject) -> bool:
    """True if the subscription is scheduled to cancel, as Stripe shows it."""
    return subscription["cancel_at_period_end"] or subscription.get("cancel_at") is not None


def has_pending_change(schedule: StripeObject) -> bool:
    """True if a phase follows the current one; a schedule just made from a subscription has one phase."""
    began = current_phase(schedule)["start_date"]
    return any(phase["start_date"] > began for phase in schedule["phases"])


async def release_idle_schedule(ctx: Context, stripe: StripeApi, schedule_id: str | None, cause: Cause) -> bool:
    """Release a schedule that has no pending change, which a failed change left behind.

    Returns True if the schedule has a pending change; it is kept then. stripe: as for `sync.read`. Raises
    StripeRefused, StripeUnavailable.
    """
    if schedule_id is None:
        return False
    schedule = await sync.read(ctx, stripe, "subscription_schedule", schedule_id, cause)
    if schedule is None or schedule["status"] in OVER:
        return False
    if has_pending_change(schedule):
        return True
    await release_schedule(ctx, schedule_id, cause)
    return False


_DISCOUNTS = ("coupon", "discount", "promotion_code")


def current_phase(schedule: StripeObject) -> StripeObject:
    """The current phase; the first one if the schedule has not started."""
    began = (schedule.get("current_phase") or schedule["phases"][0])["start_date"]
    phase: StripeObject = next(phase for phase in schedule["phases"] if phase["start_date"] == began)
    return phase


def phase_params(phase: StripeObject) -> dict[str, Any]:
    """The parameters that send a phase back to Stripe unchanged, without its start and end."""
    return {
        "items": [_item_params(item) for item in phase["items"]],
        "proration_behavior": "none",
        **without_empty(
            discounts=discount_params(phase),
            metadata=phase.get("metadata"),
            trial_end=phase.get("trial_end"),
            description=phase.get("description"),
            collection_method=phase.get("collection_method"),
            default_payment_method=id_of(phase.get("default_payment_method")),
            default_tax_rates=[id_of(rate) for rate in phase.get("default_tax_rates") or []],
        ),
    }


def discount_params(phase_or_item: StripeObject) -> list[dict[str, Any]]:
    """The parameters for the discounts of a phase, or of an item in it."""
    return [
        {name: id_of(discount[name]) for name in _DISCOUNTS if discount.get(name)}
        for discount in phase_or_item.get("discounts") or []
    ]


def without_empty(**params: Any) -> dict[str, Any]:
    """The parameters that have a value: an empty one would delete what the object has."""
    return {name: value for name, value in params.items() if value}


def _item_params(item: StripeObject) -> dict[str, Any]:
    return {
        "price": id_of(item["price"]),
        "quantity": item.get("quantity", 1),
        **without_empty(
            metadata=item.get("metadata"),
            discounts=discount_params(item),
            tax_rates=[id_of(rate) for rate in item.get("tax_rates") or []],
        ),
    }


def resume_params(subscription: CurrentPlan | SubscriptionRecord) -> dict[str, Any]:
    """The parameters that clear a scheduled cancellation. Empty if none is scheduled.

    Stripe accepts only one of the two, and each clears what the other set.
    """
    if not subscription.is_scheduled_to_cancel:
        return {}
    return {"cancel_at_period_end": False} if subscription.cancel_at_period_end else {"cancel_at": ""}
