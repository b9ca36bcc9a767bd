"""Who changes a subscription at this moment, as rows: see `contended.py`. Times are wall time, aware UTC."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from licet.db.pool import Pool


@dataclass(frozen=True)
class Lease:
    """The right to change a subscription.

    taken_over: whether the one before did not get to the end of it, so that what Stripe holds may be news to us.
    """

    stripe_subscription_id: str
    holder: UUID
    taken_over: bool


async def acquire(pool: Pool, stripe_subscription_id: str, until: datetime, *, now: datetime) -> Lease | None:
    """The lease, or None while somebody else has it: that is only looked at, so that many may wait for it."""
    holder = uuid4()
    taken_over: bool | None = await pool.fetchval(
        """
        INSERT INTO subscription_leases (stripe_subscription_id, holder, until)
        SELECT $1, $2, $3
        WHERE NOT EXISTS (SELECT 1 FROM subscription_leases WHERE stripe_subscription_id = $1 AND until > $4)
        ON CONFLICT (stripe_subscription_id) DO UPDATE SET
            holder = excluded.holder, until = excluded.until, taken_over = true
            WHERE subscription_leases.until <= $4
        RETURNING taken_over
        """,
        stripe_subscription_id,
        holder,
        until,
        now,
    )
    return None if taken_over is None else Lease(stripe_subscription_id, holder, taken_over)


async def release(pool: Pool, lease: Lease) -> None:
    """What was done is done, and known here."""
    await pool.execute(
        "DELETE FROM subscription_leases WHERE stripe_subscription_id = $1 AND holder = $2",
        lease.stripe_subscription_id,
        lease.holder,
    )


async def abandon(pool: Pool, lease: Lease, *, now: datetime) -> None:
    """Whether Stripe did what it was asked is not known here: who is next takes the lease over, and is told so."""
    await pool.execute(
        "UPDATE subscription_leases SET until = $3 WHERE stripe_subscription_id = $1 AND holder = $2",
        lease.stripe_subscription_id,
        lease.holder,
        now,
    )
