"""Restores a cancellation that was cleared for a downgrade, if scheduling the downgrade fails.

Stripe makes no schedule for a subscription that is scheduled to cancel. So a downgrade first clears the cancellation
and then creates a schedule, in several calls. If it stopped in between, a subscription that the customer has cancelled
would renew. So the cancellation is stored before the first call, in the statement that checks that it is scheduled:

1. The downgrade is scheduled: the row is deleted.
2. A call is refused or fails: the cancellation is scheduled again immediately, and the row is deleted.
3. That fails too, or the process dies: a job schedules it. The job reads the subscription from Stripe first, and
   schedules no cancellation if the downgrade was scheduled after all.
4. The customer resumes, cancels or changes the subscription meanwhile: `discard_restore` deletes the row.

A cancellation that takes two calls, of which the first drops a pending change, is stored in the same way.

Source: docs/decisions/pending-changes.md.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog

from licet.actions.subscriptions.lock import SubscriptionChanging, subscription_lock
from licet.actions.subscriptions.restore_cancellation_store import (
    CANCELLATIONS_TO_RESTORE,
    CancellationToRestore,
    discard_restore,
    find_to_restore,
    write_requested_cancellation,
    write_scheduled_cancellation,
)
from licet.actions.subscriptions.schedules import release_idle_schedule, scheduled_to_cancel_at_stripe
from licet.errors import LicetError, StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.retry import Retry
from licet.kit.statuses import ENDED
from licet.kit.stripe_objects import StripeObject, id_of
from licet.plans.store import CurrentPlan
from licet.queue.due import due_job
from licet.queue.jobs import Job
from licet.stripe_api.client import StripeApi
from licet.stripe_events import sync

log = structlog.get_logger(__name__)

RESTORE_CANCELLATION_JOB = "restore_cancellation"
"""The job's entrypoint; its key is the subscription's Stripe id."""

RESTORE_AFTER = timedelta(seconds=30)
"""Delay until a job restores a cancellation. It is longer than the time limit of the change itself."""

RESTORE_RETRY = Retry(seconds=(60,))


@asynccontextmanager
async def restoring_cancellation(ctx: Context, plan: CurrentPlan, cause: Cause) -> AsyncIterator[None]:
    """Schedule a change in the block; restore the cancellation if that fails.

    A schedule that was made for the change is then released. Raises SubscriptionChanging if the
    cancellation of `plan` was cleared meanwhile.
    """
    subscription_id = plan.stripe_subscription_id
    if plan.is_scheduled_to_cancel:
        due_at = ctx.now() + RESTORE_AFTER
        if not await write_scheduled_cancellation(ctx.pool, subscription_id, plan.place.stripe_price_id, cause, due_at):
            raise SubscriptionChanging
    try:
        yield
    except Exception as error:
        if plan.is_scheduled_to_cancel:
            await _restore_or_leave_to_job(ctx, subscription_id)
        elif isinstance(error, StripeRefused):
            # If Stripe did not answer at all, the change may have been scheduled: the next attempt finds out.
            await _release_idle(ctx, subscription_id, cause)
        raise
    await discard_restore(ctx.pool, subscription_id)


@asynccontextmanager
async def pending_cancellation(ctx: Context, stripe_subscription_id: str, cause: Cause) -> AsyncIterator[None]:
    """Make, in the block, a cancellation that takes two calls.

    The first call drops the pending change. If the second is lost, a job makes it. If Stripe refuses a call, nothing is
    left for the job.
    """
    await write_requested_cancellation(ctx.pool, stripe_subscription_id, cause, ctx.now() + RESTORE_AFTER)
    try:
        yield
    except StripeRefused:
        await discard_restore(ctx.pool, stripe_subscription_id)
        raise
    await discard_restore(ctx.pool, stripe_subscription_id)


def restore_cancellation_jobs(context: Context) -> list[Job]:
    """The job that restores cancellations."""

    async def run(stripe_subscription_id: str) -> None:
        async with subscription_lock(context, stripe_subscription_id):
            await _restore(context, context.stripe.in_background, stripe_subscription_id)

    return [
        due_job(
            RESTORE_CANCELLATION_JOB, CANCELLATIONS_TO_RESTORE, run, RESTORE_RETRY, pool=context.pool, now=context.now
        ),
    ]


async def _restore_or_leave_to_job(ctx: Context, stripe_subscription_id: str) -> None:
    try:
        await _restore(ctx, ctx.stripe, stripe_subscription_id)
    except LicetError as error:
        log.warning("restore_left_to_job", subscription=stripe_subscription_id, error=error.message)
    except Exception:
        # The caller must get the error of the change itself.
        log.exception("restore_left_to_job", subscription=stripe_subscription_id)


async def _restore(ctx: Context, stripe: StripeApi, stripe_subscription_id: str) -> None:
    """Schedule the stored cancellation again, if the subscription still renews at the same price.

    Safe to repeat. stripe: as for `sync.read`. The caller holds the subscription's lease.
    """
    stored = await find_to_restore(ctx.pool, stripe_subscription_id)
    if stored is None:
        return
    subscription = await sync.read(ctx, stripe, "subscription", stripe_subscription_id, stored.cause)
    if (
        subscription is not None
        and _renews_as_before(subscription, stored)
        and not await release_idle_schedule(ctx, stripe, id_of(subscription.get("schedule")), stored.cause)
    ):
        await _schedule_again(ctx, stripe_subscription_id, stored)
    await discard_restore(ctx.pool, stripe_subscription_id)


def _renews_as_before(subscription: StripeObject, stored: CancellationToRestore) -> bool:
    """True if the subscription still has the plan's price and is not scheduled to cancel."""
    prices = {id_of(item["price"]) for item in subscription["items"]["data"]}
    return (
        subscription["status"] not in ENDED
        and not scheduled_to_cancel_at_stripe(subscription)
        and stored.stripe_price_id in prices
    )


async def _schedule_again(ctx: Context, stripe_subscription_id: str, stored: CancellationToRestore) -> None:
    params: dict[str, Any] = {"cancel_at_period_end": True}
    if not stored.cancel_at_period_end and stored.cancel_at is not None and stored.cancel_at > ctx.now():
        params = {"cancel_at": int(stored.cancel_at.timestamp())}
    await sync.update(ctx, "subscription", stripe_subscription_id, params, stored.cause)
    log.info("cancellation_restored", subscription=stripe_subscription_id)


async def _release_idle(ctx: Context, stripe_subscription_id: str, cause: Cause) -> None:
    """Release a schedule that was made for a change which Stripe refused; if it stays, it does nothing."""
    try:
        subscription = await sync.read(ctx, ctx.stripe, "subscription", stripe_subscription_id, cause)
        if subscription is not None:
            await release_idle_schedule(ctx, ctx.stripe, id_of(subscription.get("schedule")), cause)
    except LicetError as error:
        # The caller must get the error of the change itself.
        log.warning("idle_schedule_left", subscription=stripe_subscription_id, error=error.message)
