"""A change that waits for the period's end stands in a Stripe schedule.

Meanwhile that has the say over the subscription's end, so an end is asked of it, which takes the place of what waits
in the same call: refused or lost, what waits goes on waiting. Source: Stripe's documentation, "Subscription schedules",
and its refusal "updating any cancelation behavior directly is not allowed. Please update the schedule instead."
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
from licet.stripe_events.sync import change, read
from licet.subscriptions.shown import SubscriptionRecord

log = structlog.get_logger(__name__)

GONE = frozenset({"completed", "released", "canceled"})


async def release_schedule(ctx: Context, schedule_id: str | None, cause: Cause, *, keep_end: bool = False) -> None:
    """Drop what waits for a subscription, which then lives on as it is. Nothing is asked where nothing waits.

    schedule_id: that of the subscription, if it has one. keep_end: an end that the schedule gave it stays, as one of
    its own. Raises what Stripe's door raises.
    """
    if schedule_id is None:
        return

    async def ask() -> StripeObject | None:
        params = {"preserve_cancel_date": True} if keep_end else None
        return await ctx.stripe.act("subscription_schedule", schedule_id, "release", params)

    try:
        await change(ctx, "subscription_schedule", schedule_id, cause, ask)
    except StripeRefused:
        # It may have run its course a moment ago.
        schedule = await read(ctx, ctx.stripe, "subscription_schedule", schedule_id, cause)
        if schedule is not None and schedule["status"] not in GONE:
            raise


async def put_back(ctx: Context, schedule_id: str | None, cause: Cause) -> None:
    """Let what waited in a schedule wait again in a new one, where it was released for what Stripe then refused.

    Raises nothing: its caller tells of that refusal.
    """
    if schedule_id is None:
        return
    try:
        was = await ctx.stripe.retrieve("subscription_schedule", schedule_id)
        if was is not None and was["status"] == "released":
            await _wait_again(ctx, was, cause)
    except Exception:
        log.exception("what_waited_is_lost", schedule=schedule_id)


async def _wait_again(ctx: Context, was: StripeObject, cause: Cause) -> None:
    """was: the released schedule; Stripe keeps its phases."""
    later = [phase for phase in was["phases"] if phase["start_date"] > ctx.now().timestamp()]
    if not later and was["end_behavior"] == "release":
        return
    subscription_id = was["released_subscription"]
    made = await ctx.stripe.create("subscription_schedule", {"from_subscription": subscription_id})
    now = current_phase(made)
    ends_at = later[0]["start_date"] if later else now["end_date"]

    async def ask() -> StripeObject | None:
        first = {**kept(now), "start_date": now["start_date"], "end_date": ends_at}
        then = [
            {**kept(phase), "proration_behavior": phase["proration_behavior"], "end_date": phase["end_date"]}
            for phase in later
        ]
        params = {"phases": [first, *then], "end_behavior": was["end_behavior"]}
        return await ctx.stripe.update("subscription_schedule", made["id"], params)

    await change(ctx, "subscription_schedule", made["id"], cause, ask)
    # It names its schedule from now on.
    await read(ctx, ctx.stripe, "subscription", subscription_id, cause)


async def end_with_period(ctx: Context, schedule_id: str, period_end_at: datetime, cause: Cause) -> None:
    """Let its subscription end when the period does, instead of what waits for that.

    Raises SubscriptionChanging where it does not have the subscription any more, and what Stripe's door raises.
    """
    schedule = await ctx.stripe.retrieve("subscription_schedule", schedule_id)
    if schedule is None or schedule["status"] in GONE:
        raise SubscriptionChanging
    now = current_phase(schedule)

    async def ask() -> StripeObject | None:
        phase = {**kept(now), "start_date": now["start_date"], "end_date": int(period_end_at.timestamp())}
        params = {"phases": [phase], "end_behavior": "cancel"}
        return await ctx.stripe.update("subscription_schedule", schedule_id, params)

    await change(ctx, "subscription_schedule", schedule_id, cause, ask)


def ends_by_itself(subscription: StripeObject) -> bool:
    """Whether its end is scheduled, by Stripe's own word."""
    return subscription["cancel_at_period_end"] or subscription.get("cancel_at") is not None


def holds_change(schedule: StripeObject) -> bool:
    """Whether it does anything once its current phase is over; one just made around a subscription does not."""
    began = current_phase(schedule)["start_date"]
    return any(phase["start_date"] > began for phase in schedule["phases"])


async def release_idle(ctx: Context, stripe: StripeApi, schedule_id: str | None, cause: Cause) -> bool:
    """Let go of a schedule that holds no change: what a change left behind that was not made. True: it holds one.

    stripe: as for `read`. Raises what Stripe's door raises.
    """
    if schedule_id is None:
        return False
    schedule = await read(ctx, stripe, "subscription_schedule", schedule_id, cause)
    if schedule is None or schedule["status"] in GONE:
        return False
    if holds_change(schedule):
        return True
    await release_schedule(ctx, schedule_id, cause)
    return False


_DISCOUNTS = ("coupon", "discount", "promotion_code")


def current_phase(schedule: StripeObject) -> StripeObject:
    """The one that holds now; the first, where it has not begun."""
    began = (schedule.get("current_phase") or schedule["phases"][0])["start_date"]
    phase: StripeObject = next(phase for phase in schedule["phases"] if phase["start_date"] == began)
    return phase


def kept(phase: StripeObject) -> dict[str, Any]:
    """The parameters that leave it as it is, its start and end aside."""
    return {
        "items": [_item(item) for item in phase["items"]],
        "proration_behavior": "none",
        **given(
            discounts=discounts_of(phase),
            metadata=phase.get("metadata"),
            trial_end=phase.get("trial_end"),
            description=phase.get("description"),
            collection_method=phase.get("collection_method"),
            default_payment_method=id_of(phase.get("default_payment_method")),
            default_tax_rates=[id_of(rate) for rate in phase.get("default_tax_rates") or []],
        ),
    }


def discounts_of(of: StripeObject) -> list[dict[str, Any]]:
    """Of a phase, or of an item in it."""
    return [{name: id_of(one[name]) for name in _DISCOUNTS if one.get(name)} for one in of.get("discounts") or []]


def given(**fields: Any) -> dict[str, Any]:
    """Those that say something: an empty value would take away what there is."""
    return {name: value for name, value in fields.items() if value}


def _item(item: StripeObject) -> dict[str, Any]:
    return {
        "price": id_of(item["price"]),
        "quantity": item.get("quantity", 1),
        **given(
            metadata=item.get("metadata"),
            discounts=discounts_of(item),
            tax_rates=[id_of(rate) for rate in item.get("tax_rates") or []],
        ),
    }


def taken_back(of: CurrentPlan | SubscriptionRecord) -> dict[str, Any]:
    """The parameters: Stripe takes one of the two, and each clears what the other one set. Empty where nothing ends."""
    if not of.ends_by_itself:
        return {}
    return {"cancel_at_period_end": False} if of.cancel_at_period_end else {"cancel_at": ""}
