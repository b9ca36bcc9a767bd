"""Schedules to release once a change or a cancellation has gone through (`plan_releases`)."""

from dataclasses import dataclass
from datetime import datetime

from licet.db.pool import Pool
from licet.kit.cause import Cause
from licet.queue.store import DueTable

SCHEDULE_RELEASES = DueTable("plan_releases", key=("stripe_subscription_id",), attempts=False)


@dataclass(frozen=True)
class ScheduleRelease:
    """A schedule to release once its subscription has `to_price_id`; None: once it will cancel."""

    stripe_schedule_id: str
    to_price_id: str | None
    cause: Cause


async def write_release(pool: Pool, stripe_subscription_id: str, release: ScheduleRelease, due_at: datetime) -> None:
    """Store the release, in place of an older one. due_at: when a job continues; business time."""
    await pool.execute(
        """
        INSERT INTO plan_releases (stripe_subscription_id, stripe_schedule_id, to_price_id, because, due_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (stripe_subscription_id) DO UPDATE SET
            stripe_schedule_id = excluded.stripe_schedule_id, to_price_id = excluded.to_price_id,
            because = excluded.because, due_at = excluded.due_at
        """,
        stripe_subscription_id,
        release.stripe_schedule_id,
        release.to_price_id,
        release.cause.as_json(),
        due_at,
    )


async def find_release(pool: Pool, stripe_subscription_id: str) -> ScheduleRelease | None:
    """The release, or None if there is nothing to release."""
    row = await pool.fetchrow(
        "SELECT stripe_schedule_id, to_price_id, because FROM plan_releases WHERE stripe_subscription_id = $1",
        stripe_subscription_id,
    )
    if row is None:
        return None
    return ScheduleRelease(row["stripe_schedule_id"], row["to_price_id"], Cause.from_json(row["because"]))


async def delete_release(pool: Pool, stripe_subscription_id: str) -> None:
    """Delete the release: it is done, or the schedule stays."""
    await pool.execute("DELETE FROM plan_releases WHERE stripe_subscription_id = $1", stripe_subscription_id)
