"""The end of a subscription: scheduled, taken back, or at once.

What Stripe answers is applied before the caller is answered, so that what it sees next is what it asked for.

An end at once takes back what was paid for, so it must not be lost between Stripe and us:

1. It is decided here: written down and committed, with the licenses suspended. Stripe is asked only then.
2. Stripe ends it: its answer, or its event where that is quicker, revokes the licenses.
3. Stripe refuses: the decision is undone, the licenses are what their facts say, and what waited for the period's end
   waits again.
4. Stripe does not answer, or we die: the decision stands, and a job sees it through (`jobs.py`).

Source: contract, section 2; docs/decisions/ending-at-once.md.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from licet.actions.subscriptions.lock import SubscriptionChanging, change_with_lock, is_about_items, subscription_lock
from licet.actions.subscriptions.restore_cancellation import discard_restore, pending_cancellation
from licet.actions.subscriptions.schedule_release import releasing_schedule
from licet.actions.subscriptions.schedules import end_with_period, put_back, release_schedule, taken_back
from licet.db.connection import Connection
from licet.db.locks import lock
from licet.errors import Conflict, StripeRefused, StripeUnavailable
from licet.fulfilment import fulfil
from licet.http.context import Context
from licet.kit.affected import Affected, ids
from licet.kit.cause import Cause
from licet.kit.statuses import ENDED
from licet.kit.stripe_objects import StripeObject
from licet.licenses.write import ChangeContext
from licet.queue.jobs import Job
from licet.stripe_api.failures import is_missing
from licet.stripe_events.sync import change, read
from licet.subscriptions import immediate_cancellations
from licet.subscriptions.shown import SubscriptionRecord, get_subscription

log = structlog.get_logger(__name__)

JOB_AFTER = timedelta(seconds=30)
"""When a job sees to a decision that its maker did not come back from: longer than that one may take."""


async def cancel_at_period_end(
    ctx: Context, account_id: UUID | None, stripe_subscription_id: str, cause: Cause
) -> None:
    """Let it end with the period that is paid for; its licenses stay as they are until then.

    Nothing is asked where that, or its end, is so already. Raises NotFound, Conflict subscription_changing, and what
    Stripe's door raises.
    """

    async def look() -> SubscriptionRecord:
        return await _get(ctx, account_id, stripe_subscription_id)

    async def act(subscription: SubscriptionRecord) -> None:
        if subscription.status in ENDED or subscription.ends_by_itself:
            return
        await _end_later(ctx, subscription, cause)
        await discard_restore(ctx.pool, stripe_subscription_id)

    await look()
    await change_with_lock(ctx, stripe_subscription_id, cause, look, act)


async def _end_later(ctx: Context, subscription: SubscriptionRecord, cause: Cause) -> None:
    """In one call, also where a change waits for the same moment: that goes for it, or goes on waiting."""
    schedule_id, period = subscription.stripe_schedule_id, subscription.period
    if schedule_id is None or period is None:
        await _update(ctx, subscription, {"cancel_at_period_end": True}, cause)
        return
    try:
        async with releasing_schedule(ctx, subscription.id, schedule_id, None, cause):
            await end_with_period(ctx, schedule_id, period.end_at, cause)
            # Its end shows in it from now on.
            await read(ctx, ctx.stripe, "subscription", subscription.id, cause)
    except StripeRefused as refused:
        if not is_about_items(refused):
            raise
        # A schedule has to be told what is bought now, and that may be on sale no more.
        async with pending_cancellation(ctx, subscription.id, cause):
            await release_schedule(ctx, schedule_id, cause)
            await _update(ctx, subscription, {"cancel_at_period_end": True}, cause)


async def resume(ctx: Context, account_id: UUID | None, stripe_subscription_id: str, cause: Cause) -> None:
    """Let a subscription whose end is scheduled go on. Nothing is asked where none is.

    Raises NotFound, Conflict (subscription_ended, cancellation_under_way, subscription_changing), and what Stripe's
    door raises.
    """

    async def look() -> SubscriptionRecord:
        subscription = await _get(ctx, account_id, stripe_subscription_id)
        await _refuse_what_ends(ctx, subscription)
        return subscription

    async def act(subscription: SubscriptionRecord) -> None:
        await discard_restore(ctx.pool, stripe_subscription_id)
        if not subscription.ends_by_itself:
            return
        # The end stays until it is taken back itself.
        await release_schedule(ctx, subscription.stripe_schedule_id, cause, keep_end=True)
        await _update(ctx, subscription, taken_back(subscription), cause)

    await look()
    await change_with_lock(ctx, stripe_subscription_id, cause, look, act)
    await _refuse_what_ends(ctx, await _get(ctx, account_id, stripe_subscription_id))


async def cancel_now(ctx: Context, account_id: UUID | None, stripe_subscription_id: str, cause: Cause) -> None:
    """End it at once, with no refund. When this returns its licenses are revoked.

    Raises NotFound, Conflict subscription_changing and StripeRefused, and all is as before; and StripeUnavailable: its
    licenses are suspended then, and the end follows by itself.
    """
    await _get(ctx, account_id, stripe_subscription_id)
    async with subscription_lock(ctx, stripe_subscription_id):
        if (await _get(ctx, account_id, stripe_subscription_id)).status in ENDED:
            return
        await _decide(ctx, stripe_subscription_id, cause)
        await _see_through(ctx, stripe_subscription_id, cause)


async def see_through(ctx: Context, stripe_subscription_id: str, cause: Cause) -> None:
    """Have Stripe end what was decided to end. Safe to repeat. Raises as `cancel_now` does."""
    async with subscription_lock(ctx, stripe_subscription_id):
        await _see_through(ctx, stripe_subscription_id, cause)


async def _see_through(ctx: Context, stripe_subscription_id: str, cause: Cause) -> None:
    schedule_id = (await _get(ctx, None, stripe_subscription_id)).stripe_schedule_id

    async def ask() -> StripeObject | None:
        return await ctx.stripe.delete("subscription", stripe_subscription_id)

    try:
        await release_schedule(ctx, schedule_id, cause)
        await change(ctx, "subscription", stripe_subscription_id, cause, ask)
    except StripeRefused as refused:
        if await _has_ended(ctx, stripe_subscription_id, refused, cause):
            return
        await _undo(ctx, stripe_subscription_id, cause)
        await put_back(ctx, schedule_id, cause)
        log.warning("cancellation_refused", subscription=stripe_subscription_id, error=refused.message)
        raise


async def _get(ctx: Context, account_id: UUID | None, stripe_subscription_id: str) -> SubscriptionRecord:
    async with ctx.pool.acquire() as conn:
        return await get_subscription(conn, stripe_subscription_id, account_id=account_id)


async def _refuse_what_ends(ctx: Context, subscription: SubscriptionRecord) -> None:
    if subscription.status in ENDED:
        raise Conflict(
            "The subscription has ended, and Stripe revives none. Buy it again: POST /api/billing/checkout.",
            code="subscription_ended",
        )
    async with ctx.pool.acquire() as conn:
        if await immediate_cancellations.find_because(conn, subscription.id) is not None:
            raise Conflict(
                "The subscription is being cancelled at once, and that is not taken back. Buy it again once it ended.",
                code="cancellation_under_way",
            )


async def _update(ctx: Context, subscription: SubscriptionRecord, params: dict[str, object], cause: Cause) -> None:
    async def ask() -> StripeObject | None:
        return await ctx.stripe.update("subscription", subscription.id, params)

    try:
        await change(ctx, "subscription", subscription.id, cause, ask)
    except StripeRefused as refused:
        # It may have ended a moment ago, without our having been told.
        if not await _has_ended(ctx, subscription.id, refused, cause):
            raise


async def _has_ended(ctx: Context, stripe_subscription_id: str, refused: StripeRefused, cause: Cause) -> bool:
    """Whether Stripe refused a change because the subscription is over; our mirror then says so too."""
    try:
        obj = await read(ctx, ctx.stripe, "subscription", stripe_subscription_id, cause)
    except StripeRefused:
        # It refuses whatever we ask, our key perhaps: nothing has changed.
        return False
    return is_missing(refused) if obj is None else obj["status"] in ENDED


async def _decide(ctx: Context, stripe_subscription_id: str, cause: Cause) -> None:
    async with ctx.pool.acquire() as conn, conn.transaction():
        await lock_as_events_do(conn, stripe_subscription_id)
        now = ctx.now()
        await immediate_cancellations.intend(conn, stripe_subscription_id, cause, now=now, due_at=now + JOB_AFTER)
        await settle_anew(ctx, conn, stripe_subscription_id, cause)


async def _undo(ctx: Context, stripe_subscription_id: str, cause: Cause) -> None:
    async with ctx.pool.acquire() as conn, conn.transaction():
        await lock_as_events_do(conn, stripe_subscription_id)
        await immediate_cancellations.drop(conn, stripe_subscription_id)
        await settle_anew(ctx, conn, stripe_subscription_id, cause)


async def lock_as_events_do(conn: Connection, stripe_subscription_id: str) -> None:
    """The locks that the subscription's own events take."""
    customer_id = await conn.fetchval(
        "SELECT stripe_customer_id FROM subscriptions WHERE stripe_subscription_id = $1", stripe_subscription_id
    )
    await lock(conn, ids(stripe_subscription_id, customer_id))


async def settle_anew(ctx: Context, conn: Connection, stripe_subscription_id: str, cause: Cause) -> None:
    """Bring the subscription's licenses to what holds now. The caller holds its locks."""
    affected = Affected(subscriptions=ids(stripe_subscription_id))
    await fulfil(conn, affected, ChangeContext(ctx.keyring, cause, ctx.now()))


END = "end_subscription"

AGAIN_SECONDS = (15, 60, 300, 1800)
"""How long to wait where Stripe could not be asked, by how often it could not; the last holds from then on."""


def cancellation_jobs(context: Context) -> list[Job]:
    """The jobs of this feature."""

    async def end(stripe_subscription_id: str) -> None:
        async with context.pool.acquire() as conn:
            because = await immediate_cancellations.find_because(conn, stripe_subscription_id)
            attempts = await immediate_cancellations.count_attempts(conn, stripe_subscription_id)
        if because is None:
            return
        try:
            await see_through(context, stripe_subscription_id, because)
        except StripeRefused as refused:
            # Undone already; who asked is gone, so the log says it.
            log.warning("cancellation_undone", subscription=stripe_subscription_id, error=refused.message)
        except (StripeUnavailable, SubscriptionChanging) as error:
            log.warning("cancellation_postponed", subscription=stripe_subscription_id, error=error.message)
            await later(stripe_subscription_id, attempts)
        except Exception:
            # A fault of ours, or an answer that nobody understands: tried later, lest it is tried every second.
            log.exception("cancellation_raised", subscription=stripe_subscription_id)
            await later(stripe_subscription_id, attempts)

    async def later(stripe_subscription_id: str, attempts: int) -> None:
        seconds = AGAIN_SECONDS[min(attempts, len(AGAIN_SECONDS) - 1)]
        async with context.pool.acquire() as conn:
            until = context.now() + timedelta(seconds=seconds)
            await immediate_cancellations.postpone(conn, stripe_subscription_id, until)

    async def due(now: datetime) -> Sequence[str]:
        async with context.pool.acquire() as conn:
            return await immediate_cancellations.list_due(conn, now)

    return [Job(END, end, due)]
