"""A change that waits gives way to one that takes effect now, or to the subscription's end.

Stripe changes a subscription while its schedule still waits, which would undo the change when the period ends. So the
schedule is let go of afterwards (before, a declined card would have dropped what waits), and that it is to be, is
written down before anything is asked: a job sees to it should we die in between. The job looks first whether the
change took place at all.

An end stands in the schedule first, and becomes the subscription's own as the schedule is let go of.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import structlog

from licet.actions.subscriptions.lock import RefusedByState, subscription_lock
from licet.actions.subscriptions.schedules import ends_by_itself, release_schedule
from licet.db.pool import Pool
from licet.errors import CardDeclined, LicetError, StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject
from licet.queue.jobs import Job
from licet.stripe_events.sync import read

log = structlog.get_logger(__name__)

RELEASE = "release_schedule"

JOB_AFTER = timedelta(seconds=30)
"""Longer than the change itself may take."""

AGAIN_AFTER = timedelta(minutes=1)


@asynccontextmanager
async def releasing_schedule(
    ctx: Context, stripe_subscription_id: str, schedule_id: str | None, to_price_id: str | None, cause: Cause
) -> AsyncIterator[None]:
    """Around the change: what waits for the subscription is dropped once the change is made, and only then.

    schedule_id: what waits; None: nothing does. to_price_id: what the plan changes to; None: it ends.
    """
    if schedule_id is None:
        yield
        return
    await _write(ctx, stripe_subscription_id, schedule_id, to_price_id, cause)
    try:
        yield
    except (CardDeclined, StripeRefused, RefusedByState):
        # Refused: nothing has changed, and what waits goes on waiting. No answer at all is left to the job.
        await _forget(ctx.pool, stripe_subscription_id)
        raise
    await release_schedule(ctx, schedule_id, cause, keep_end=to_price_id is None)
    await _forget(ctx.pool, stripe_subscription_id)


async def cancel_pending_release(pool: Pool, stripe_subscription_id: str) -> None:
    """Let what waits be, whatever was to be let go of before: it is asked for anew."""
    await _forget(pool, stripe_subscription_id)


def schedule_release_jobs(context: Context) -> list[Job]:
    """The one kind of deferred work there is here."""

    async def run(stripe_subscription_id: str) -> None:
        try:
            async with subscription_lock(context, stripe_subscription_id):
                await _finish(context, stripe_subscription_id)
        except LicetError as error:
            log.warning("release_postponed", subscription=stripe_subscription_id, error=error.message)
            await _postpone(context, stripe_subscription_id)
        except Exception:
            # A fault of ours, or an answer that nobody understands: tried later, lest it is tried every second.
            log.exception("release_raised", subscription=stripe_subscription_id)
            await _postpone(context, stripe_subscription_id)

    async def due(now: datetime) -> Sequence[str]:
        rows = await context.pool.fetch(
            "SELECT stripe_subscription_id FROM plan_releases WHERE due_at <= $1 ORDER BY due_at LIMIT 100", now
        )
        return [row["stripe_subscription_id"] for row in rows]

    return [Job(RELEASE, run, due)]


async def _postpone(ctx: Context, stripe_subscription_id: str) -> None:
    await ctx.pool.execute(
        "UPDATE plan_releases SET due_at = $2 WHERE stripe_subscription_id = $1",
        stripe_subscription_id,
        ctx.now() + AGAIN_AFTER,
    )


async def _finish(ctx: Context, stripe_subscription_id: str) -> None:
    row = await ctx.pool.fetchrow(
        "SELECT stripe_schedule_id, to_price_id, because FROM plan_releases WHERE stripe_subscription_id = $1",
        stripe_subscription_id,
    )
    if row is None:
        return
    cause = Cause.from_json(row["because"])
    subscription = await read(ctx, ctx.stripe.in_background, "subscription", stripe_subscription_id, cause)
    if subscription is not None and _is_made(subscription, row["to_price_id"]):
        await release_schedule(ctx, row["stripe_schedule_id"], cause, keep_end=row["to_price_id"] is None)
    await _forget(ctx.pool, stripe_subscription_id)


def _is_made(subscription: StripeObject, to_price_id: str | None) -> bool:
    if to_price_id is None:
        return ends_by_itself(subscription)
    return any(item["price"]["id"] == to_price_id for item in subscription["items"]["data"])


async def _write(
    ctx: Context, stripe_subscription_id: str, schedule_id: str, to_price_id: str | None, cause: Cause
) -> None:
    await ctx.pool.execute(
        """
        INSERT INTO plan_releases (stripe_subscription_id, stripe_schedule_id, to_price_id, because, due_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (stripe_subscription_id) DO UPDATE SET
            stripe_schedule_id = excluded.stripe_schedule_id, to_price_id = excluded.to_price_id,
            because = excluded.because, due_at = excluded.due_at
        """,
        stripe_subscription_id,
        schedule_id,
        to_price_id,
        cause.as_json(),
        ctx.now() + JOB_AFTER,
    )


async def _forget(pool: Pool, stripe_subscription_id: str) -> None:
    await pool.execute("DELETE FROM plan_releases WHERE stripe_subscription_id = $1", stripe_subscription_id)
