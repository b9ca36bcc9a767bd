"""A change of plans that waits for the period's end, in a Stripe schedule.

Killed between its two calls, Stripe holds a schedule that changes nothing and lets go of the subscription by itself.
"""

from typing import Any

from licet.errors import StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject, id_of
from licet.plans.core import Place
from licet.plans.store import CurrentPlan
from licet.webhooks.reading import change, read

_DISCOUNTS = ("coupon", "discount", "promotion_code")


async def plan_for_period_end(ctx: Context, plan: CurrentPlan, place: Place, cause: Cause) -> None:
    """Let the plan change when the period that is paid for ends. Nothing is asked where that is planned already.

    Raises what Stripe's door raises.
    """
    if plan.planned_price_id == place.stripe_price_id and not plan.ends_by_itself:
        return
    if plan.ends_by_itself:
        # A schedule takes over no subscription that ends.
        await _take_end_back(ctx, plan, cause)
    schedule = await _schedule(ctx, plan, cause)

    async def ask() -> StripeObject | None:
        params = {"phases": _phases(schedule, plan, place), "end_behavior": "release"}
        return await ctx.stripe.update("subscription_schedule", schedule["id"], params)

    await change(ctx, "subscription_schedule", schedule["id"], cause, ask)
    # It names its schedule from now on.
    await read(ctx, ctx.stripe, "subscription", plan.stripe_subscription_id, cause)


async def _take_end_back(ctx: Context, plan: CurrentPlan, cause: Cause) -> None:
    undo = {"cancel_at_period_end": False} if plan.cancel_at_period_end else {"cancel_at": ""}

    async def ask() -> StripeObject | None:
        return await ctx.stripe.update("subscription", plan.stripe_subscription_id, undo)

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
    """What is now until the period ends, then the other price; what follows is the subscription's own again."""
    began = (schedule.get("current_phase") or schedule["phases"][0])["start_date"]
    now = next(phase for phase in schedule["phases"] if phase["start_date"] == began)
    discounts = [{name: id_of(one[name]) for name in _DISCOUNTS if one.get(name)} for one in now.get("discounts") or []]
    kept = [{"price": id_of(item["price"]), "quantity": item.get("quantity", 1)} for item in now["items"]]
    rhythm = {"interval": place.rhythm.interval, "interval_count": place.rhythm.interval_count}
    both: dict[str, Any] = {"proration_behavior": "none", **({"discounts": discounts} if discounts else {})}
    return [
        {**both, "items": kept, "start_date": began, "end_date": int(plan.period_end_at.timestamp())},
        {**both, "items": [{"price": place.stripe_price_id, "quantity": plan.quantity}], "duration": rhythm},
    ]
