"""Schedules a change of plan for the end of the period, in a Stripe subscription schedule.

That takes two calls. If the process dies between them, Stripe holds a schedule that changes nothing and ends by itself.
A cancellation that was cleared for the change is then restored (`subscriptions/restore_cancellation.py`).
"""

from datetime import datetime
from typing import Any

from licet.actions.subscriptions.lock import SubscriptionChanging
from licet.actions.subscriptions.restore_cancellation import restoring_cancellation
from licet.actions.subscriptions.restore_cancellation_store import discard_restore
from licet.actions.subscriptions.schedule_release_store import delete_release
from licet.actions.subscriptions.schedules import (
    current_phase,
    discount_params,
    phase_params,
    resume_params,
    without_empty,
)
from licet.errors import Conflict, StripeRefused
from licet.http.context import Context
from licet.http.openapi.errors import ErrorExample
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject, id_of
from licet.kit.times import from_epoch
from licet.plans.core import Place
from licet.plans.store import CurrentPlan
from licet.stripe_events import sync


async def schedule_downgrade(ctx: Context, plan: CurrentPlan, place: Place, cause: Cause) -> datetime:
    """Schedule the change for the end of the paid period, and return that time.

    Makes no call to Stripe if the same change is scheduled already. Raises SubscriptionChanging if the plan has another
    price by now, PriceArchived, StripeRefused, StripeUnavailable. After an error no change is scheduled,
    and a cancellation that was scheduled still is.
    """
    # A schedule that an earlier change was about to release is in use again.
    await delete_release(ctx.pool, plan.stripe_subscription_id)
    if plan.planned_price_id == place.stripe_price_id and not plan.is_scheduled_to_cancel:
        await discard_restore(ctx.pool, plan.stripe_subscription_id)
        return plan.period_end_at
    try:
        async with restoring_cancellation(ctx, plan, cause):
            return await _schedule_change(ctx, plan, place, cause)
    except StripeRefused as refused:
        if is_archived(refused):
            raise PriceArchived(plan) from refused
        raise


async def _schedule_change(ctx: Context, plan: CurrentPlan, place: Place, cause: Cause) -> datetime:
    if plan.is_scheduled_to_cancel:
        # Stripe makes no schedule for a subscription that is scheduled to cancel.
        await sync.update(ctx, "subscription", plan.stripe_subscription_id, resume_params(plan), cause)
    schedule = await _get_or_create_schedule(ctx, plan, cause)
    phases = _phases(schedule, plan, place)
    params = {"phases": phases, "end_behavior": "release"}
    await sync.update(ctx, "subscription_schedule", schedule["id"], params, cause)
    # The subscription now refers to its schedule: mirror that.
    await sync.read(ctx, ctx.stripe, "subscription", plan.stripe_subscription_id, cause)
    return from_epoch(phases[0]["end_date"])


async def _get_or_create_schedule(ctx: Context, plan: CurrentPlan, cause: Cause) -> StripeObject:
    if plan.stripe_schedule_id is not None:
        existing = await ctx.stripe.retrieve("subscription_schedule", plan.stripe_schedule_id)
        if existing is not None and existing["status"] in ("active", "not_started"):
            return existing
    try:
        return await ctx.stripe.create("subscription_schedule", {"from_subscription": plan.stripe_subscription_id})
    except StripeRefused:
        # Another call may have made it at the same moment.
        subscription = await sync.read(ctx, ctx.stripe, "subscription", plan.stripe_subscription_id, cause)
        schedule_id = id_of(subscription.get("schedule")) if subscription else None
        schedule = await ctx.stripe.retrieve("subscription_schedule", schedule_id) if schedule_id else None
        if schedule is None:
            raise
        return schedule


def _phases(schedule: StripeObject, plan: CurrentPlan, place: Place) -> list[dict[str, Any]]:
    """The current phase until the period ends, then a phase with the new price.

    Afterwards Stripe releases the subscription from the schedule. The subscription's other items stay in both phases.
    """
    now = current_phase(schedule)
    first = phase_params(now)
    # The plan's item comes first: the mirror recognises it by that position.
    first["items"].sort(key=lambda item: item["price"] != plan.place.stripe_price_id)
    plan_item, *others = first["items"]
    if plan_item["price"] != plan.place.stripe_price_id:
        raise SubscriptionChanging
    changed = [{**plan_item, "price": place.stripe_price_id, "quantity": plan.quantity}, *others]
    duration = {"interval": place.billing.interval, "interval_count": place.billing.interval_count}
    second = {"items": changed, "proration_behavior": "none", **without_empty(discounts=discount_params(now))}
    return [
        {**first, "start_date": now["start_date"], "end_date": int(plan.period_end_at.timestamp())},
        {**second, "duration": duration},
    ]


PRICE_ARCHIVED: dict[str, ErrorExample] = {
    "price_archived": (
        409,
        "The current price is archived, and Stripe schedules no change for the end of its period.",
        {"subscriptionId": "sub_1QxYz", "priceId": "price_1QxYz"},
    )
}
"""For a route's `responses`."""


class PriceArchived(Conflict):
    """A change cannot be scheduled for the end of a period that is paid at an archived price."""

    code = "price_archived"

    def __init__(self, plan: CurrentPlan) -> None:
        super().__init__(
            f"{plan.place.stripe_price_id}, the current price, is archived, and Stripe schedules no change for the end "
            "of its period. Nothing has changed. Choose a higher plan, which takes effect immediately; or cancel the "
            "subscription (POST /payment/subscription-cancel) and subscribe again; or ask the vendor to set "
            "LICET_DOWNGRADE=immediate.",
            details={"subscriptionId": plan.stripe_subscription_id, "priceId": plan.place.stripe_price_id},
        )


def is_archived(refused: StripeRefused) -> bool:
    """True if Stripe refuses a schedule because the current price, in its first phase, is archived."""
    return refused.details.get("param", "").startswith("phases[0][items]") and "inactive" in refused.message
