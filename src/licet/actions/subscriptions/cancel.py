"""Cancels a subscription, at the period's end or immediately; resumes one that will cancel.

What Stripe answers is applied before the caller gets its response, so the caller's next read shows the change.

An immediate cancellation ends access that was paid for, so it must not be lost between Stripe and Licet:

1. The decision is stored and the licenses are suspended, in one transaction. Only then does Licet call Stripe.
2. Stripe cancels: its answer, or its event if that comes first, revokes the licenses.
3. Stripe refuses: the decision is deleted, the licenses get back the state that their facts give them, and a pending
   change is scheduled again.
4. Stripe does not answer, or the process dies: the decision remains, and a job completes the cancellation.

Source: contract, section 2; docs/decisions/immediate-cancellation.md.
"""

from datetime import timedelta
from uuid import UUID

import structlog

from licet.actions.subscriptions.lock import is_about_items, retry_if_changed, subscription_lock
from licet.actions.subscriptions.restore_cancellation import pending_cancellation
from licet.actions.subscriptions.restore_cancellation_store import discard_restore
from licet.actions.subscriptions.schedule_release import releasing_schedule
from licet.actions.subscriptions.schedules import (
    cancel_by_schedule,
    recreate_schedule,
    release_schedule,
    resume_params,
)
from licet.db.connection import Connection
from licet.db.locks import lock
from licet.errors import Conflict, StripeRefused
from licet.fulfilment import fulfil
from licet.http.context import Context
from licet.kit.affected import Affected, ids
from licet.kit.cause import Cause
from licet.kit.retry import Retry
from licet.kit.statuses import ENDED
from licet.licenses.write import ChangeContext
from licet.queue.due import due_job
from licet.queue.jobs import Job
from licet.stripe_api.failures import is_missing
from licet.stripe_events import sync
from licet.subscriptions.immediate_cancellation_store import (
    CANCELLATIONS,
    delete_cancellation,
    find_cancellation_cause,
    write_cancellation,
)
from licet.subscriptions.store import SubscriptionRecord, find_customer_id, get_subscription

log = structlog.get_logger(__name__)

COMPLETE_AFTER = timedelta(seconds=30)
"""Delay until a job completes an immediate cancellation. It is longer than the time limit of the call itself."""

CANCEL_SUBSCRIPTION_JOB = "complete_cancellation"
"""The job's entrypoint; its key is the subscription's Stripe id."""

CANCEL_RETRY = Retry(seconds=(15, 60, 300, 1800))


async def cancel_at_period_end(
    ctx: Context, account_id: UUID | None, stripe_subscription_id: str, cause: Cause
) -> None:
    """Schedule a cancellation for the end of the period; the licenses stay as they are until then.

    Does nothing if the subscription has ended or is scheduled to cancel already. Raises NotFound, Conflict
    subscription_changing, StripeRefused, StripeUnavailable.
    """
    await _get(ctx, account_id, stripe_subscription_id)
    async with subscription_lock(ctx, stripe_subscription_id, cause):
        async for attempt in retry_if_changed(ctx, stripe_subscription_id, cause):
            subscription = await _get(ctx, account_id, stripe_subscription_id)
            async with attempt.at(subscription):
                if subscription.status not in ENDED and not subscription.is_scheduled_to_cancel:
                    await _schedule_cancellation(ctx, subscription, cause)
                    await discard_restore(ctx.pool, stripe_subscription_id)


async def _schedule_cancellation(ctx: Context, subscription: SubscriptionRecord, cause: Cause) -> None:
    """Cancel at the period's end, in one call that also replaces a pending change."""
    schedule_id, period = subscription.stripe_schedule_id, subscription.period
    if schedule_id is None or period is None:
        await _update(ctx, subscription, {"cancel_at_period_end": True}, cause)
        return
    try:
        async with releasing_schedule(ctx, subscription.id, schedule_id, None, cause):
            await cancel_by_schedule(ctx, schedule_id, period.end_at, cause)
            # The subscription is now scheduled to cancel: mirror that.
            await sync.read(ctx, ctx.stripe, "subscription", subscription.id, cause)
    except StripeRefused as refused:
        if not is_about_items(refused):
            raise
        # An update of a schedule repeats the current price, and Stripe refuses a price that is archived.
        async with pending_cancellation(ctx, subscription.id, cause):
            await release_schedule(ctx, schedule_id, cause)
            await _update(ctx, subscription, {"cancel_at_period_end": True}, cause)


async def resume(ctx: Context, account_id: UUID | None, stripe_subscription_id: str, cause: Cause) -> None:
    """Resume a subscription that is scheduled to cancel. Does nothing if it is not.

    Raises NotFound, Conflict (subscription_ended, cancellation_under_way, subscription_changing), StripeRefused,
    StripeUnavailable.
    """
    await _get_resumable(ctx, account_id, stripe_subscription_id)
    async with subscription_lock(ctx, stripe_subscription_id, cause):
        async for attempt in retry_if_changed(ctx, stripe_subscription_id, cause):
            subscription = await _get_resumable(ctx, account_id, stripe_subscription_id)
            async with attempt.at(subscription):
                await discard_restore(ctx.pool, stripe_subscription_id)
                if subscription.is_scheduled_to_cancel:
                    # The cancellation stays scheduled until the second call clears it.
                    await release_schedule(ctx, subscription.stripe_schedule_id, cause, keep_end=True)
                    await _update(ctx, subscription, resume_params(subscription), cause)
    await _get_resumable(ctx, account_id, stripe_subscription_id)


async def cancel_now(ctx: Context, account_id: UUID | None, stripe_subscription_id: str, cause: Cause) -> None:
    """Cancel the subscription immediately, without a refund. When this returns, its licenses are revoked.

    Raises NotFound, Conflict subscription_changing and StripeRefused, which change nothing; and StripeUnavailable: then
    the licenses are suspended, and a job completes the cancellation.
    """
    await _get(ctx, account_id, stripe_subscription_id)
    async with subscription_lock(ctx, stripe_subscription_id):
        if (await _get(ctx, account_id, stripe_subscription_id)).status in ENDED:
            return
        await _store_decision(ctx, stripe_subscription_id, cause)
        await _cancel_at_stripe(ctx, stripe_subscription_id, cause)


async def _cancel_at_stripe(ctx: Context, stripe_subscription_id: str, cause: Cause) -> None:
    """Have Stripe cancel a subscription whose cancellation is decided. Safe to repeat."""
    schedule_id = (await _get(ctx, None, stripe_subscription_id)).stripe_schedule_id
    try:
        await release_schedule(ctx, schedule_id, cause)
        await sync.delete(ctx, "subscription", stripe_subscription_id, cause)
    except StripeRefused as refused:
        if await _has_ended(ctx, stripe_subscription_id, refused, cause):
            return
        await _delete_decision(ctx, stripe_subscription_id, cause)
        await recreate_schedule(ctx, schedule_id, cause)
        log.warning("cancellation_refused", subscription=stripe_subscription_id, error=refused.message)
        raise


async def _get(ctx: Context, account_id: UUID | None, stripe_subscription_id: str) -> SubscriptionRecord:
    async with ctx.pool.acquire() as conn:
        return await get_subscription(conn, stripe_subscription_id, account_id=account_id)


async def _get_resumable(ctx: Context, account_id: UUID | None, stripe_subscription_id: str) -> SubscriptionRecord:
    """The subscription. Raises Conflict if it has ended, or is being cancelled immediately."""
    subscription = await _get(ctx, account_id, stripe_subscription_id)
    if subscription.status in ENDED:
        raise Conflict(
            "The subscription has ended, and Stripe cannot revive it. Buy it again: POST /api/billing/checkout.",
            code="subscription_ended",
        )
    async with ctx.pool.acquire() as conn:
        if await find_cancellation_cause(conn, subscription.id) is not None:
            raise Conflict(
                "The subscription is being cancelled immediately, which cannot be undone. Buy it again once it has "
                "ended: POST /api/billing/checkout.",
                code="cancellation_under_way",
            )
    return subscription


async def _update(ctx: Context, subscription: SubscriptionRecord, params: dict[str, object], cause: Cause) -> None:
    try:
        await sync.update(ctx, "subscription", subscription.id, params, cause)
    except StripeRefused as refused:
        # The subscription may have ended a moment ago, before Stripe reported it.
        if not await _has_ended(ctx, subscription.id, refused, cause):
            raise


async def _has_ended(ctx: Context, stripe_subscription_id: str, refused: StripeRefused, cause: Cause) -> bool:
    """True if Stripe refused a change because the subscription has ended; the mirror then shows that too."""
    try:
        obj = await sync.read(ctx, ctx.stripe, "subscription", stripe_subscription_id, cause)
    except StripeRefused:
        # Stripe refuses the read too, for example because of the API key: nothing has changed.
        return False
    return is_missing(refused) if obj is None else obj["status"] in ENDED


async def _store_decision(ctx: Context, stripe_subscription_id: str, cause: Cause) -> None:
    async with ctx.pool.acquire() as conn, conn.transaction():
        await lock_subscription(conn, stripe_subscription_id)
        now = ctx.now()
        await write_cancellation(conn, stripe_subscription_id, cause, now=now, due_at=now + COMPLETE_AFTER)
        await update_licenses(ctx, conn, stripe_subscription_id, cause)


async def _delete_decision(ctx: Context, stripe_subscription_id: str, cause: Cause) -> None:
    async with ctx.pool.acquire() as conn, conn.transaction():
        await lock_subscription(conn, stripe_subscription_id)
        await delete_cancellation(conn, stripe_subscription_id)
        await update_licenses(ctx, conn, stripe_subscription_id, cause)


async def lock_subscription(conn: Connection, stripe_subscription_id: str) -> None:
    """Take the locks that the subscription's own events take."""
    await lock(conn, ids(stripe_subscription_id, await find_customer_id(conn, stripe_subscription_id)))


async def update_licenses(ctx: Context, conn: Connection, stripe_subscription_id: str, cause: Cause) -> None:
    """Give the subscription's licenses the state that their facts give them now.

    The caller holds the locks.
    """
    affected = Affected(subscriptions=ids(stripe_subscription_id))
    await fulfil(conn, affected, ChangeContext(ctx.keyring, cause, ctx.now))


def cancellation_jobs(context: Context) -> list[Job]:
    """The job that completes immediate cancellations."""

    async def run(stripe_subscription_id: str) -> None:
        async with context.pool.acquire() as conn:
            cause = await find_cancellation_cause(conn, stripe_subscription_id)
        if cause is None:
            return
        try:
            async with subscription_lock(context, stripe_subscription_id):
                await _cancel_at_stripe(context, stripe_subscription_id, cause)
        except StripeRefused as refused:
            # The decision is deleted. No caller waits for this error, so it is logged.
            log.warning("cancellation_undone", subscription=stripe_subscription_id, error=refused.message)

    return [due_job(CANCEL_SUBSCRIPTION_JOB, CANCELLATIONS, run, CANCEL_RETRY, pool=context.pool, now=context.now)]
