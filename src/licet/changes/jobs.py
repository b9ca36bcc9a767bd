"""Ends that were decided here and not confirmed by Stripe yet: a job sees each of them through."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from licet.changes.contended import SubscriptionChanging
from licet.changes.ending import see_through
from licet.errors import StripeRefused, StripeUnavailable
from licet.http.context import Context
from licet.queue.jobs import Job
from licet.subscriptions import cancellations

log = structlog.get_logger(__name__)

END = "end_subscription"

AGAIN_SECONDS = (15, 60, 300, 1800)
"""How long to wait where Stripe could not be asked, by how often it could not; the last holds from then on."""


def jobs(context: Context) -> list[Job]:
    """The jobs of this feature."""

    async def end(stripe_subscription_id: str) -> None:
        async with context.pool.acquire() as conn:
            because = await cancellations.find_because(conn, stripe_subscription_id)
            attempts = await cancellations.count_attempts(conn, stripe_subscription_id)
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
            await cancellations.postpone(conn, stripe_subscription_id, until)

    async def due(now: datetime) -> Sequence[str]:
        async with context.pool.acquire() as conn:
            return await cancellations.list_due(conn, now)

    return [Job(END, end, due)]
