"""A change that waits for the period's end stands in a Stripe schedule, which refuses any other change meanwhile."""

from licet.errors import StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject
from licet.webhooks.reading import change, read

GONE = frozenset({"completed", "released", "canceled"})


async def release_schedule(ctx: Context, schedule_id: str | None, cause: Cause) -> None:
    """Drop what waits for a subscription, which then lives on as it is. Nothing is asked where nothing waits.

    schedule_id: that of the subscription, if it has one. Raises what Stripe's door raises.
    """
    if schedule_id is None:
        return

    async def ask() -> StripeObject | None:
        return await ctx.stripe.act("subscription_schedule", schedule_id, "release")

    try:
        await change(ctx, "subscription_schedule", schedule_id, cause, ask)
    except StripeRefused:
        # It may have run its course a moment ago.
        schedule = await read(ctx, ctx.stripe, "subscription_schedule", schedule_id, cause)
        if schedule is not None and schedule["status"] not in GONE:
            raise
