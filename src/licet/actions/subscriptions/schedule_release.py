"""Releases a pending schedule once an immediate change or a cancellation has gone through.

Stripe changes a subscription while its schedule is pending, and the schedule would undo that change when the period
ends. So the schedule is released after the change: if it were released before, a declined card would drop the pending
change. The release is stored before the first call to Stripe: if the process dies in between, a job releases the
schedule. The job first checks whether the change was made at all.

A cancellation is written into the schedule first, and becomes the subscription's own when the schedule is released.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from licet.actions.subscriptions.lock import RefusedByState, subscription_lock
from licet.actions.subscriptions.schedule_release_store import (
    SCHEDULE_RELEASES,
    ScheduleRelease,
    delete_release,
    find_release,
    write_release,
)
from licet.actions.subscriptions.schedules import release_schedule, scheduled_to_cancel_at_stripe
from licet.errors import CardDeclined, StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.retry import Retry
from licet.kit.stripe_objects import StripeObject
from licet.queue.due import due_job
from licet.queue.jobs import Job
from licet.stripe_events import sync

RELEASE_SCHEDULE = "release_schedule"
"""The job's entrypoint; its key is the subscription's Stripe id."""

RELEASE_AFTER = timedelta(seconds=30)
"""Delay until a job completes a release. It is longer than the time limit of the change itself."""

RELEASE_RETRY = Retry(seconds=(60,))


@asynccontextmanager
async def releasing_schedule(
    ctx: Context, stripe_subscription_id: str, schedule_id: str | None, to_price_id: str | None, cause: Cause
) -> AsyncIterator[None]:
    """Make a change in the block; if it succeeds, release the schedule.

    That drops the pending change. schedule_id: the subscription's schedule; None: there is none. to_price_id: the
    price that the plan changes to; None: the subscription is scheduled to cancel.
    """
    if schedule_id is None:
        yield
        return
    release = ScheduleRelease(schedule_id, to_price_id, cause)
    await write_release(ctx.pool, stripe_subscription_id, release, ctx.now() + RELEASE_AFTER)
    try:
        yield
    except (CardDeclined, StripeRefused, RefusedByState):
        # Nothing has changed, so the schedule stays. If Stripe did not answer at all, the job finds out.
        await delete_release(ctx.pool, stripe_subscription_id)
        raise
    await _release(ctx, release)
    await delete_release(ctx.pool, stripe_subscription_id)


def schedule_release_jobs(context: Context) -> list[Job]:
    """The job that releases schedules."""

    async def run(stripe_subscription_id: str) -> None:
        async with subscription_lock(context, stripe_subscription_id):
            await _finish(context, stripe_subscription_id)

    return [
        due_job(RELEASE_SCHEDULE, SCHEDULE_RELEASES, run, RELEASE_RETRY, pool=context.pool, now=context.now),
    ]


async def _finish(ctx: Context, stripe_subscription_id: str) -> None:
    release = await find_release(ctx.pool, stripe_subscription_id)
    if release is None:
        return
    stripe = ctx.stripe.in_background
    subscription = await sync.read(ctx, stripe, "subscription", stripe_subscription_id, release.cause)
    if subscription is not None and _is_made(subscription, release.to_price_id):
        await _release(ctx, release)
    await delete_release(ctx.pool, stripe_subscription_id)


async def _release(ctx: Context, release: ScheduleRelease) -> None:
    await release_schedule(ctx, release.stripe_schedule_id, release.cause, keep_end=release.to_price_id is None)


def _is_made(subscription: StripeObject, to_price_id: str | None) -> bool:
    if to_price_id is None:
        return scheduled_to_cancel_at_stripe(subscription)
    return any(item["price"]["id"] == to_price_id for item in subscription["items"]["data"])
