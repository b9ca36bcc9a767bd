"""A change that waits for the period's end stands in a Stripe schedule, which refuses any other change meanwhile."""

from licet.errors import StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject
from licet.stripe_api.client import StripeApi
from licet.webhooks.reading import change, read

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


def holds_change(schedule: StripeObject) -> bool:
    """Whether it does anything once its current phase is over; one just made around a subscription does not."""
    began = (schedule.get("current_phase") or schedule["phases"][0])["start_date"]
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
