"""A change of plans that waits for the period's end, in a Stripe schedule.

Killed between its two calls, Stripe holds a schedule that changes nothing and lets go of the subscription by itself; an
end that was taken back for it is set again (`ends.py`).
"""

from datetime import datetime
from typing import Any

from licet.actions.subscriptions.lock import SubscriptionChanging
from licet.actions.subscriptions.restore_cancellation import discard_restore, restoring_cancellation
from licet.actions.subscriptions.schedule_release import cancel_pending_release
from licet.actions.subscriptions.schedules import current_phase, discounts_of, given, kept, taken_back
from licet.errors import Conflict, StripeRefused
from licet.http.context import Context
from licet.http.openapi.errors import ErrorExample
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject, id_of
from licet.kit.times import from_epoch
from licet.plans.core import Place
from licet.plans.store import CurrentPlan
from licet.stripe_events.sync import change, read


async def schedule_downgrade(ctx: Context, plan: CurrentPlan, place: Place, cause: Cause) -> datetime:
    """Let the plan change when the period that is paid for ends; when that is. Nothing is asked where it is planned.

    Raises SubscriptionChanging where another plan is billed by now, PriceArchived, and what Stripe's door raises; then
    nothing more waits than before, and an end that was scheduled still is.
    """
    await cancel_pending_release(ctx.pool, plan.stripe_subscription_id)
    if plan.planned_price_id == place.stripe_price_id and not plan.ends_by_itself:
        await discard_restore(ctx.pool, plan.stripe_subscription_id)
        return plan.period_end_at
    try:
        async with restoring_cancellation(ctx, plan, cause):
            return await _plan(ctx, plan, place, cause)
    except StripeRefused as refused:
        if is_archived(refused):
            raise PriceArchived(plan) from refused
        raise


async def _plan(ctx: Context, plan: CurrentPlan, place: Place, cause: Cause) -> datetime:
    if plan.ends_by_itself:
        # A schedule takes over no subscription that ends.
        await _take_end_back(ctx, plan, cause)
    schedule = await _schedule(ctx, plan, cause)
    phases = _phases(schedule, plan, place)

    async def ask() -> StripeObject | None:
        params = {"phases": phases, "end_behavior": "release"}
        return await ctx.stripe.update("subscription_schedule", schedule["id"], params)

    await change(ctx, "subscription_schedule", schedule["id"], cause, ask)
    # It names its schedule from now on.
    await read(ctx, ctx.stripe, "subscription", plan.stripe_subscription_id, cause)
    return from_epoch(phases[0]["end_date"])


async def _take_end_back(ctx: Context, plan: CurrentPlan, cause: Cause) -> None:
    async def ask() -> StripeObject | None:
        return await ctx.stripe.update("subscription", plan.stripe_subscription_id, taken_back(plan))

    await change(ctx, "subscription", plan.stripe_subscription_id, cause, ask)


async def _schedule(ctx: Context, plan: CurrentPlan, cause: Cause) -> StripeObject:
    """The schedule that has the subscription, made now if need be."""
    if plan.stripe_schedule_id is not None:
        held = await ctx.stripe.retrieve("subscription_schedule", plan.stripe_schedule_id)
        if held is not None and held["status"] in ("active", "not_started"):
            return held
    try:
        return await ctx.stripe.create("subscription_schedule", {"from_subscription": plan.stripe_subscription_id})
    except StripeRefused:
        # Another call of the same moment made it.
        subscription = await read(ctx, ctx.stripe, "subscription", plan.stripe_subscription_id, cause)
        schedule_id = id_of(subscription.get("schedule")) if subscription else None
        made = await ctx.stripe.retrieve("subscription_schedule", schedule_id) if schedule_id else None
        if made is None:
            raise
        return made


def _phases(schedule: StripeObject, plan: CurrentPlan, place: Place) -> list[dict[str, Any]]:
    """What is now until the period ends, then the other price; what follows is the subscription's own again.

    What is bought beside the plan is bought on.
    """
    now = current_phase(schedule)
    first = kept(now)
    # The plan's first: its place in the schedule is how the mirror knows it.
    first["items"].sort(key=lambda item: item["price"] != plan.place.stripe_price_id)
    mine, *others = first["items"]
    if mine["price"] != plan.place.stripe_price_id:
        raise SubscriptionChanging
    changed = [{**mine, "price": place.stripe_price_id, "quantity": plan.quantity}, *others]
    rhythm = {"interval": place.rhythm.interval, "interval_count": place.rhythm.interval_count}
    then = {"items": changed, "proration_behavior": "none", **given(discounts=discounts_of(now))}
    return [
        {**first, "start_date": now["start_date"], "end_date": int(plan.period_end_at.timestamp())},
        {**then, "duration": rhythm},
    ]


PRICE_ARCHIVED: dict[str, ErrorExample] = {
    "price_archived": (
        409,
        "The price that is paid now is archived, and Stripe lets no change wait for the end of its period.",
        {"subscriptionId": "sub_1QxYz", "priceId": "price_1QxYz"},
    )
}
"""For a route's `responses`."""


class PriceArchived(Conflict):
    """A change cannot wait for the end of a period that is paid at an archived price."""

    code = "price_archived"

    def __init__(self, plan: CurrentPlan) -> None:
        super().__init__(
            f"{plan.place.stripe_price_id}, which is paid now, is archived, and Stripe lets no change wait for the end "
            "of its period. Nothing has changed. A higher plan can be had at once; or end the subscription (POST "
            "/payment/subscription-cancel) and subscribe anew; or have its vendor set LICET_DOWNGRADE=immediate.",
            details={"subscriptionId": plan.stripe_subscription_id, "priceId": plan.place.stripe_price_id},
        )


def is_archived(refused: StripeRefused) -> bool:
    """Whether that is why Stripe refuses a schedule: it names what is bought now, which is its first phase."""
    return refused.details.get("param", "").startswith("phases[0][items]") and "inactive" in refused.message
