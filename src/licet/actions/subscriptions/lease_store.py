"""The leases of subscriptions that are being changed (`lock.py`). Times are wall time, aware UTC."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from licet.db.pool import Pool


@dataclass(frozen=True)
class Lease:
    """The right to change a subscription.

    taken_over: the previous holder did not finish, so Stripe may hold changes that the mirror lacks.
    """

    stripe_subscription_id: str
    holder: UUID
    taken_over: bool


async def acquire(pool: Pool, stripe_subscription_id: str, until: datetime, *, now: datetime) -> Lease | None:
    """Acquire the lease. None while another holder has it.

    A lease that is held is only read, not locked, so that many callers may wait for it.
    """
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
    """Release the lease: the change is complete and mirrored."""
    await pool.execute(
        "DELETE FROM subscription_leases WHERE stripe_subscription_id = $1 AND holder = $2",
        lease.stripe_subscription_id,
        lease.holder,
    )


async def abandon(pool: Pool, lease: Lease, *, now: datetime) -> None:
    """Expire the lease, because the outcome at Stripe is unknown: the next holder gets `taken_over`."""
    await pool.execute(
        "UPDATE subscription_leases SET until = $3 WHERE stripe_subscription_id = $1 AND holder = $2",
        lease.stripe_subscription_id,
        lease.holder,
        now,
    )
