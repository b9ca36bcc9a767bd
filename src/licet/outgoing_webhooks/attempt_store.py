"""What an attempt to deliver writes: that it is under way, and how it ended, of the delivery and of its endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.outgoing_webhooks.core import Failure, Health


@dataclass(frozen=True)
class Claimed:
    """A delivery that is ours to make now. attempts counts this one; the secrets are encrypted, the newest first."""

    id: UUID
    event_id: UUID
    event: str
    attempts: int
    endpoint_id: UUID
    url: str
    secret_encrypted: bytes
    previous_secret_encrypted: bytes | None
    previous_secret_until: datetime | None


async def find_endpoint(pool: Pool, delivery_id: UUID) -> tuple[UUID, int] | None:
    """Where a delivery goes, and how often in a row nobody answered there; None where that was deleted."""
    row = await pool.fetchrow(
        """
        SELECT endpoint.id, unreachable FROM deliveries JOIN webhook_endpoints AS endpoint ON endpoint.id = endpoint_id
        WHERE deliveries.id = $1
        """,
        delivery_id,
    )
    return (row["id"], row["unreachable"]) if row else None


async def claim(pool: Pool, delivery_id: UUID, now: datetime, until: datetime) -> Claimed | None:
    """Take a delivery that is due; None where there is nothing to do, or not now.

    until: when it is due again should we never come back from sending it.
    """
    row = await pool.fetchrow(
        """
        UPDATE deliveries SET attempts = attempts + 1, due_at = $3
        FROM webhook_endpoints AS endpoint, outgoing_events AS happened
        WHERE deliveries.id = $1 AND status = 'pending' AND due_at <= $2
            AND endpoint.id = endpoint_id AND happened.id = event_id
            AND disabled_at IS NULL AND (rests_until IS NULL OR rests_until <= $2)
        RETURNING deliveries.id, event_id, event, attempts, endpoint_id, url, secret_encrypted,
                  previous_secret_encrypted, previous_secret_until
        """,
        delivery_id,
        now,
        until,
    )
    return Claimed(**row) if row else None


async def leave(pool: Pool, delivery_id: UUID) -> None:
    """What becomes of one that could not be taken: it is over where nobody listens any more, else it waits.

    One whose endpoint was deleted goes with it.
    """
    await pool.execute(
        """
        WITH gone AS (
            DELETE FROM deliveries WHERE id = $1
            AND NOT EXISTS (SELECT 1 FROM webhook_endpoints AS endpoint WHERE endpoint.id = endpoint_id)
        )
        UPDATE deliveries SET status = 'failed', due_at = NULL, error = coalesce(error, 'the endpoint was disabled')
        FROM webhook_endpoints AS endpoint
        WHERE deliveries.id = $1 AND status = 'pending' AND endpoint.id = endpoint_id AND disabled_at IS NOT NULL
        """,
        delivery_id,
    )


async def hand_back(pool: Pool, claimed: Claimed, now: datetime) -> None:
    """We were told to stop before it was done: whoever comes next begins it anew, and it was no attempt."""
    await pool.execute(
        """
        UPDATE deliveries SET attempts = attempts - 1, due_at = $3
        WHERE id = $1 AND attempts = $2 AND status = 'pending'
        """,
        claimed.id,
        claimed.attempts,
        now,
    )


async def delivered(pool: Pool, done: Claimed, status: int, now: datetime) -> None:
    """It has arrived, so its endpoint is well."""
    await pool.execute(
        """
        WITH done AS (
            UPDATE deliveries SET status = 'delivered', delivered_at = $2, due_at = NULL,
                response_status = $3, error = NULL
            WHERE id = $1
        )
        UPDATE webhook_endpoints SET failing_since = NULL, unreachable = 0, rests_until = NULL
        WHERE id = $4 AND failing_since IS NOT NULL
        """,
        done.id,
        now,
        status,
        done.endpoint_id,
    )


async def failed(
    conn: Connection, tried: Claimed, *, status: int | None, error: str, again_at: datetime | None
) -> None:
    """It has not arrived: again at that time, or never (None). One that is replayed since begins anew all the same."""
    await conn.execute(
        """
        UPDATE deliveries SET
            response_status = $3, error = $4, due_at = $5,
            status = CASE WHEN $5::timestamptz IS NULL THEN 'failed' ELSE status END
        WHERE id = $1 AND attempts = $2 AND status = 'pending'
        """,
        tried.id,
        tried.attempts,
        status,
        error,
        again_at,
    )


async def lock_health(conn: Connection, tried: Claimed) -> Health | None:
    """How the endpoint is doing, locked. None where this attempt says nothing of it any more.

    That is where it was deleted, disabled or given another address meanwhile.
    """
    row = await conn.fetchrow(
        """
        SELECT failing_since, unreachable, rests_until FROM webhook_endpoints
        WHERE id = $1 AND url = $2 AND disabled_at IS NULL FOR UPDATE
        """,
        tried.endpoint_id,
        tried.url,
    )
    return Health(**row) if row else None


async def write_failure(conn: Connection, tried: Claimed, failure: Failure, now: datetime) -> None:
    """What follows of it for the endpoint. The caller has locked its health."""
    await conn.execute(
        """
        UPDATE webhook_endpoints SET
            failing_since = $2, unreachable = $3, rests_until = $4,
            disabled_at = CASE WHEN $5::text IS NOT NULL THEN $6::timestamptz END, disabled_because = $5
        WHERE id = $1
        """,
        tried.endpoint_id,
        failure.health.failing_since,
        failure.health.unreachable,
        failure.health.rests_until,
        failure.disabled,
        now,
    )


async def fail_the_rest(conn: Connection, endpoint_id: UUID) -> None:
    """Nothing is on its way to an endpoint any more that was disabled: an operator finds it and may replay it."""
    await conn.execute(
        """
        UPDATE deliveries SET
            status = 'failed', due_at = NULL, error = coalesce(error, 'the endpoint was disabled')
        WHERE endpoint_id = $1 AND status = 'pending'
        """,
        endpoint_id,
    )


async def over(pool: Pool, tried: Claimed, error: str) -> None:
    """There is nothing to deliver any more."""
    await pool.execute(
        "UPDATE deliveries SET status = 'failed', due_at = NULL, error = $2 WHERE id = $1",
        tried.id,
        error,
    )


async def list_due(pool: Pool, now: datetime, at_once: int) -> Sequence[str]:
    """The deliveries whose time has come, of each endpoint `at_once` at most, the longest due first."""
    rows = await pool.fetch(
        """
        SELECT due.id FROM webhook_endpoints AS endpoint
        CROSS JOIN LATERAL (
            SELECT id, due_at FROM deliveries WHERE endpoint_id = endpoint.id AND due_at <= $1 ORDER BY due_at LIMIT $2
        ) AS due
        WHERE rests_until IS NULL OR rests_until <= $1 OR disabled_at IS NOT NULL
        ORDER BY due.due_at
        """,
        now,
        at_once,
    )
    return [str(row["id"]) for row in rows]
