"""A scheduled end that must be taken back for a change that waits comes back where the change is not made.

Stripe's schedule takes over no subscription that ends, so its end is taken back first, and then the change is written
into the schedule: several calls, and nobody asked for a subscription that simply goes on. So the end is written down
before anything is asked, in the transaction that sees it still there:

1. The change is made: the row goes.
2. It is refused, or fails: the end is set again at once, and the row goes.
3. That fails too, or we die: a job does it. It asks Stripe first, and sets no end where the change was made after all.
4. Whatever the customer decides since (it goes on, it ends, it changes) holds: `discard_restore` deletes the row.

An end that is asked for and takes two calls, the first of which drops a change that waits, is kept the same way.

Source: docs/decisions/what-waits.md.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog

from licet.actions.subscriptions.lock import SubscriptionChanging, subscription_lock
from licet.actions.subscriptions.restore_cancellation_store import (
    CancellationToRestore,
    drop,
    find,
    list_due,
    postpone,
    write,
    write_wanted,
)
from licet.actions.subscriptions.schedules import ends_by_itself, release_idle
from licet.db.pool import Pool
from licet.errors import LicetError, StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.statuses import ENDED
from licet.kit.stripe_objects import StripeObject, id_of
from licet.plans.store import CurrentPlan
from licet.queue.jobs import Job
from licet.stripe_api.client import StripeApi
from licet.stripe_events.sync import change, read

log = structlog.get_logger(__name__)

SET_AGAIN = "set_end_again"

JOB_AFTER = timedelta(seconds=30)
"""Longer than the change itself may take."""

AGAIN_AFTER = timedelta(minutes=1)


@asynccontextmanager
async def restoring_cancellation(ctx: Context, plan: CurrentPlan, cause: Cause) -> AsyncIterator[None]:
    """Around a change that waits: where it is not made, things are as before, with the end and without a schedule.

    Raises SubscriptionChanging where the end of `plan` has been taken back meanwhile.
    """
    subscription_id = plan.stripe_subscription_id
    if plan.ends_by_itself:
        due_at = ctx.now() + JOB_AFTER
        if not await write(ctx.pool, subscription_id, plan.place.stripe_price_id, cause, due_at):
            raise SubscriptionChanging
    try:
        yield
    except Exception as error:
        if plan.ends_by_itself:
            await _at_once(ctx, subscription_id)
        elif isinstance(error, StripeRefused):
            # No answer at all may mean that it was made: the next try finds out.
            await _release_idle(ctx, subscription_id, cause)
        raise
    await discard_restore(ctx.pool, subscription_id)


@asynccontextmanager
async def pending_cancellation(ctx: Context, stripe_subscription_id: str, cause: Cause) -> AsyncIterator[None]:
    """Around an end that takes two calls, the first of which drops what waits: once that is dropped, the end is set.

    Refused, it is not.
    """
    await write_wanted(ctx.pool, stripe_subscription_id, cause, ctx.now() + JOB_AFTER)
    try:
        yield
    except StripeRefused:
        await discard_restore(ctx.pool, stripe_subscription_id)
        raise
    await discard_restore(ctx.pool, stripe_subscription_id)


async def discard_restore(pool: Pool, stripe_subscription_id: str) -> None:
    """Let an end that was taken back be: the customer has decided since."""
    await drop(pool, stripe_subscription_id)


def restore_cancellation_jobs(context: Context) -> list[Job]:
    """The one kind of deferred work there is here."""

    async def run(stripe_subscription_id: str) -> None:
        try:
            async with subscription_lock(context, stripe_subscription_id):
                await _set_again(context, context.stripe.in_background, stripe_subscription_id)
        except LicetError as error:
            log.warning("end_postponed", subscription=stripe_subscription_id, error=error.message)
            await postpone(context.pool, stripe_subscription_id, context.now() + AGAIN_AFTER)
        except Exception:
            # A fault of ours, or an answer that nobody understands: tried later, lest it is tried every second.
            log.exception("end_raised", subscription=stripe_subscription_id)
            await postpone(context.pool, stripe_subscription_id, context.now() + AGAIN_AFTER)

    async def due(now: datetime) -> Sequence[str]:
        return await list_due(context.pool, now)

    return [Job(SET_AGAIN, run, due)]


async def _at_once(ctx: Context, stripe_subscription_id: str) -> None:
    try:
        await _set_again(ctx, ctx.stripe, stripe_subscription_id)
    except LicetError as error:
        log.warning("end_left_to_the_job", subscription=stripe_subscription_id, error=error.message)
    except Exception:
        # What the change failed by is what its caller is told.
        log.exception("end_left_to_the_job", subscription=stripe_subscription_id)


async def _set_again(ctx: Context, stripe: StripeApi, stripe_subscription_id: str) -> None:
    """Safe to repeat. stripe: as for `read`. The caller has the subscription to itself."""
    row = await find(ctx.pool, stripe_subscription_id)
    if row is None:
        return
    subscription = await read(ctx, stripe, "subscription", stripe_subscription_id, row.because)
    if (
        subscription is not None
        and _goes_on_as_it_was(subscription, row)
        and not await release_idle(ctx, stripe, id_of(subscription.get("schedule")), row.because)
    ):
        await _end(ctx, stripe_subscription_id, row)
    await drop(ctx.pool, stripe_subscription_id)


def _goes_on_as_it_was(subscription: StripeObject, row: CancellationToRestore) -> bool:
    """Whether it is on the plan that it was on and has no end."""
    prices = {id_of(item["price"]) for item in subscription["items"]["data"]}
    return subscription["status"] not in ENDED and not ends_by_itself(subscription) and row.stripe_price_id in prices


async def _end(ctx: Context, stripe_subscription_id: str, row: CancellationToRestore) -> None:
    params: dict[str, Any] = {"cancel_at_period_end": True}
    if not row.cancel_at_period_end and row.cancel_at is not None and row.cancel_at > ctx.now():
        params = {"cancel_at": int(row.cancel_at.timestamp())}

    async def ask() -> StripeObject | None:
        return await ctx.stripe.update("subscription", stripe_subscription_id, params)

    await change(ctx, "subscription", stripe_subscription_id, row.because, ask)
    log.info("end_set_again", subscription=stripe_subscription_id)


async def _release_idle(ctx: Context, stripe_subscription_id: str, cause: Cause) -> None:
    """Let go of a schedule that was made for the change that was refused; one that stays holds nothing."""
    try:
        subscription = await read(ctx, ctx.stripe, "subscription", stripe_subscription_id, cause)
        if subscription is not None:
            await release_idle(ctx, ctx.stripe, id_of(subscription.get("schedule")), cause)
    except LicetError as error:
        # What the change was refused for is what its caller is told.
        log.warning("idle_schedule_left", subscription=stripe_subscription_id, error=error.message)
