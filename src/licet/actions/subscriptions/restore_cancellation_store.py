"""Scheduled ends that were taken back for a change of plan, as rows: see `ends.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from licet.db.pool import Pool
from licet.kit.cause import Cause


@dataclass(frozen=True)
class CancellationToRestore:
    """An end as it was. stripe_price_id: what the plan was billed by then. Times are aware UTC."""

    stripe_price_id: str
    cancel_at_period_end: bool
    cancel_at: datetime | None
    because: Cause


async def write(
    pool: Pool, stripe_subscription_id: str, stripe_price_id: str, because: Cause, due_at: datetime
) -> bool:
    """Keep the end that the subscription has. False: it has none any more.

    due_at: when a job sees to it; business time.
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
        because.as_json(),
        due_at,
    )
    return bool(written)


async def write_wanted(pool: Pool, stripe_subscription_id: str, because: Cause, due_at: datetime) -> None:
    """Keep that it is to end with its period, as if it had been so. due_at: as for `write`."""
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
        because.as_json(),
        due_at,
    )


async def find(pool: Pool, stripe_subscription_id: str) -> CancellationToRestore | None:
    """The end that was taken back, unless it was set again or let be."""
    row = await pool.fetchrow(
        """
        SELECT stripe_price_id, cancel_at_period_end, cancel_at, because FROM ends_taken_back
        WHERE stripe_subscription_id = $1
        """,
        stripe_subscription_id,
    )
    return CancellationToRestore(**{**row, "because": Cause.from_json(row["because"])}) if row else None


async def drop(pool: Pool, stripe_subscription_id: str) -> None:
    """It is settled."""
    await pool.execute("DELETE FROM ends_taken_back WHERE stripe_subscription_id = $1", stripe_subscription_id)


async def postpone(pool: Pool, stripe_subscription_id: str, until: datetime) -> None:
    """Stripe could not be asked: later."""
    await pool.execute(
        "UPDATE ends_taken_back SET due_at = $2 WHERE stripe_subscription_id = $1", stripe_subscription_id, until
    )


async def list_due(pool: Pool, now: datetime) -> Sequence[str]:
    """The subscriptions whose end a job is to set again, the longest due first."""
    rows = await pool.fetch(
        "SELECT stripe_subscription_id FROM ends_taken_back WHERE due_at <= $1 ORDER BY due_at LIMIT 100", now
    )
    return [row["stripe_subscription_id"] for row in rows]
