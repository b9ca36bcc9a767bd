"""Cancellations that were cleared for a change of plan and may be restored (`ends_taken_back`)."""

from dataclasses import dataclass
from datetime import datetime

from licet.db.pool import Pool
from licet.kit.cause import Cause
from licet.queue.store import DueTable

CANCELLATIONS_TO_RESTORE = DueTable("ends_taken_back", key=("stripe_subscription_id",), attempts=False)


@dataclass(frozen=True)
class CancellationToRestore:
    """A cancellation as it was scheduled.

    stripe_price_id: the plan's price at that time. Times are aware UTC.
    """

    stripe_price_id: str
    cancel_at_period_end: bool
    cancel_at: datetime | None
    cause: Cause


async def write_scheduled_cancellation(
    pool: Pool, stripe_subscription_id: str, stripe_price_id: str, cause: Cause, due_at: datetime
) -> bool:
    """Store the scheduled cancellation. Returns False if none is scheduled any more.

    due_at: when a job restores it; business time.
    """
    written = await pool.fetchval(
        """
        INSERT INTO ends_taken_back (stripe_subscription_id, stripe_price_id, cancel_at_period_end, cancel_at, because,
                                     due_at)
        SELECT stripe_subscription_id, $2, cancel_at_period_end, cancel_at, $3, $4 FROM subscriptions
        WHERE stripe_subscription_id = $1 AND (cancel_at_period_end OR cancel_at IS NOT NULL)
        ON CONFLICT (stripe_subscription_id) DO UPDATE SET
            stripe_price_id = excluded.stripe_price_id, cancel_at_period_end = excluded.cancel_at_period_end,
            cancel_at = excluded.cancel_at, because = excluded.because, due_at = excluded.due_at
        RETURNING true
        """,
        stripe_subscription_id,
        stripe_price_id,
        cause.as_json(),
        due_at,
    )
    return bool(written)


async def write_requested_cancellation(pool: Pool, stripe_subscription_id: str, cause: Cause, due_at: datetime) -> None:
    """Store a cancellation at the period's end that is requested and not scheduled yet.

    due_at: as for `write_scheduled_cancellation`.
    """
    await pool.execute(
        """
        INSERT INTO ends_taken_back (stripe_subscription_id, stripe_price_id, cancel_at_period_end, because, due_at)
        SELECT stripe_subscription_id, stripe_price_id, true, $2, $3 FROM subscription_items
        WHERE stripe_subscription_id = $1 ORDER BY position LIMIT 1
        ON CONFLICT (stripe_subscription_id) DO UPDATE SET
            stripe_price_id = excluded.stripe_price_id, cancel_at_period_end = true, cancel_at = NULL,
            because = excluded.because, due_at = excluded.due_at
        """,
        stripe_subscription_id,
        cause.as_json(),
        due_at,
    )


async def find_to_restore(pool: Pool, stripe_subscription_id: str) -> CancellationToRestore | None:
    """The cancellation to restore, or None if there is none."""
    row = await pool.fetchrow(
        """
        SELECT stripe_price_id, cancel_at_period_end, cancel_at, because FROM ends_taken_back
        WHERE stripe_subscription_id = $1
        """,
        stripe_subscription_id,
    )
    if row is None:
        return None
    return CancellationToRestore(
        row["stripe_price_id"], row["cancel_at_period_end"], row["cancel_at"], Cause.from_json(row["because"])
    )


async def discard_restore(pool: Pool, stripe_subscription_id: str) -> None:
    """Delete the cancellation to restore: it is restored, or the customer has decided otherwise."""
    await pool.execute("DELETE FROM ends_taken_back WHERE stripe_subscription_id = $1", stripe_subscription_id)
