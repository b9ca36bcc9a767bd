"""Cancellations that take effect at once, from the moment they are asked for until Stripe has ended the subscription.

A row says: this was decided here, and Stripe may not know of it yet. As long as it stands the subscription's licenses
are suspended, and a job sees it through. The mirror of the ended subscription takes it away (`mirror.py`).
"""

from collections.abc import Sequence
from datetime import datetime

from licet.db.connection import Connection
from licet.kit.cause import Cause


async def intend(
    conn: Connection, stripe_subscription_id: str, because: Cause, *, now: datetime, due_at: datetime
) -> None:
    """Write down that the subscription is to end now. Asked for twice, the first cause stays.

    due_at: when a job takes over from whoever asks Stripe; business time.
    """
    await conn.execute(
        """
        INSERT INTO cancellations (stripe_subscription_id, because, requested_at, due_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (stripe_subscription_id) DO UPDATE SET due_at = excluded.due_at
        """,
        stripe_subscription_id,
        because.as_json(),
        now,
        due_at,
    )


async def find_because(conn: Connection, stripe_subscription_id: str) -> Cause | None:
    """Why the subscription is to end now, or None where it is not."""
    found = await conn.fetchval(
        "SELECT because FROM cancellations WHERE stripe_subscription_id = $1", stripe_subscription_id
    )
    return Cause.from_json(found) if found else None


async def drop(conn: Connection, stripe_subscription_id: str) -> None:
    """It is over: Stripe has ended the subscription, or refuses to."""
    await conn.execute("DELETE FROM cancellations WHERE stripe_subscription_id = $1", stripe_subscription_id)


async def postpone(conn: Connection, stripe_subscription_id: str, until: datetime) -> None:
    """Stripe could not be asked: later."""
    await conn.execute(
        "UPDATE cancellations SET attempts = attempts + 1, due_at = $2 WHERE stripe_subscription_id = $1",
        stripe_subscription_id,
        until,
    )


async def count_attempts(conn: Connection, stripe_subscription_id: str) -> int:
    """How often Stripe could not be asked."""
    found: int | None = await conn.fetchval(
        "SELECT attempts FROM cancellations WHERE stripe_subscription_id = $1", stripe_subscription_id
    )
    return found or 0


async def list_due(conn: Connection, now: datetime) -> Sequence[str]:
    """The subscriptions that a job is to see ended, the longest due first."""
    rows = await conn.fetch(
        "SELECT stripe_subscription_id FROM cancellations WHERE due_at <= $1 ORDER BY due_at LIMIT 100", now
    )
    return [row["stripe_subscription_id"] for row in rows]
