"""Immediate cancellations, from the request until Stripe has cancelled the subscription.

A row means that the cancellation is decided here and that Stripe may not know of it yet. While it exists, the
subscription's licenses are suspended and a job completes the cancellation. `mirror.py` deletes the row once Stripe
reports the subscription as ended.
"""

from datetime import datetime

from licet.db.connection import Connection
from licet.kit.cause import Cause
from licet.queue.store import DueTable

CANCELLATIONS = DueTable("cancellations", key=("stripe_subscription_id",))


async def write_cancellation(
    conn: Connection, stripe_subscription_id: str, because: Cause, *, now: datetime, due_at: datetime
) -> None:
    """Store that the subscription is to be cancelled now. Requested twice, the first cause stays.

    due_at: when a job continues if the caller did not finish; business time.
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


async def find_cancellation_cause(conn: Connection, stripe_subscription_id: str) -> Cause | None:
    """The cause of the immediate cancellation, or None if there is none."""
    found = await conn.fetchval(
        "SELECT because FROM cancellations WHERE stripe_subscription_id = $1", stripe_subscription_id
    )
    return Cause.from_json(found) if found else None


async def delete_cancellation(conn: Connection, stripe_subscription_id: str) -> None:
    """Delete the row: Stripe has cancelled the subscription, or refuses to."""
    await conn.execute("DELETE FROM cancellations WHERE stripe_subscription_id = $1", stripe_subscription_id)
