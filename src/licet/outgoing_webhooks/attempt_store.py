"""Claims deliveries and records the result of each attempt, for the delivery and its endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.outgoing_webhooks.retries import AttemptFailure, EndpointHealth


@dataclass(frozen=True)
class ClaimedDelivery:
    """A delivery that this worker has claimed. attempts: includes the current one."""

    id: UUID
    event_id: UUID
    event: str
    attempts: int
    endpoint_id: UUID
    url: str
    secret_encrypted: bytes
    previous_secret_encrypted: bytes | None
    previous_secret_until: datetime | None


async def find_endpoint_of_delivery(pool: Pool, delivery_id: UUID) -> tuple[UUID, int] | None:
    """The endpoint's id and its count of consecutive attempts without a response. None if it was deleted."""
    row = await pool.fetchrow(
        """
        SELECT endpoint.id, unreachable FROM deliveries JOIN webhook_endpoints AS endpoint ON endpoint.id = endpoint_id
        WHERE deliveries.id = $1
        """,
        delivery_id,
    )
    return (row["id"], row["unreachable"]) if row else None


async def claim_delivery(pool: Pool, delivery_id: UUID, now: datetime, until: datetime) -> ClaimedDelivery | None:
    """Claim a delivery that is due. None if it is not due, or if its endpoint is disabled or paused.

    until: when the delivery is due again if this process dies while sending.
    """
    row = await pool.fetchrow(
        """
        UPDATE deliveries SET attempts = attempts + 1, due_at = $3
        FROM webhook_endpoints AS endpoint, outgoing_events AS event
        WHERE deliveries.id = $1 AND status = 'pending' AND due_at <= $2
            AND endpoint.id = endpoint_id AND event.id = event_id
            AND disabled_at IS NULL AND (rests_until IS NULL OR rests_until <= $2)
        RETURNING deliveries.id, event_id, event.event, attempts, endpoint_id, url, secret_encrypted,
                  previous_secret_encrypted, previous_secret_until
        """,
        delivery_id,
        now,
        until,
    )
    return ClaimedDelivery(**row) if row else None


async def close_unclaimed(pool: Pool, delivery_id: UUID) -> None:
    """Close a delivery that could not be claimed, if its endpoint was deleted or disabled.

    With a deleted endpoint the delivery is deleted, with a disabled one it fails. Otherwise nothing changes.
    """
    await pool.execute(
        """
        WITH deleted AS (
            DELETE FROM deliveries WHERE id = $1
            AND NOT EXISTS (SELECT 1 FROM webhook_endpoints AS endpoint WHERE endpoint.id = endpoint_id)
        )
        UPDATE deliveries SET status = 'failed', due_at = NULL, error = coalesce(error, 'the endpoint was disabled')
        FROM webhook_endpoints AS endpoint
        WHERE deliveries.id = $1 AND status = 'pending' AND endpoint.id = endpoint_id AND disabled_at IS NOT NULL
        """,
        delivery_id,
    )


async def release_delivery(pool: Pool, claimed: ClaimedDelivery, now: datetime) -> None:
    """Return a claimed delivery after a shutdown cancelled its attempt, which is not counted."""
    await pool.execute(
        """
        UPDATE deliveries SET attempts = attempts - 1, due_at = $3
        WHERE id = $1 AND attempts = $2 AND status = 'pending'
        """,
        claimed.id,
        claimed.attempts,
        now,
    )


async def mark_delivered(pool: Pool, claimed: ClaimedDelivery, status: int, now: datetime) -> None:
    """Mark a delivery as delivered and reset its endpoint's health."""
    await pool.execute(
        """
        WITH delivered AS (
            UPDATE deliveries SET status = 'delivered', delivered_at = $2, due_at = NULL,
                response_status = $3, error = NULL
            WHERE id = $1
        )
        UPDATE webhook_endpoints SET failing_since = NULL, unreachable = 0, rests_until = NULL
        WHERE id = $4 AND failing_since IS NOT NULL
        """,
        claimed.id,
        now,
        status,
        claimed.endpoint_id,
    )


async def mark_attempt_failed(
    conn: Connection, claimed: ClaimedDelivery, *, status: int | None, error: str, again_at: datetime | None
) -> None:
    """Record a failed attempt, unless the delivery was replayed since. again_at None: no retry."""
    await conn.execute(
        """
        UPDATE deliveries SET
            response_status = $3, error = $4, due_at = $5,
            status = CASE WHEN $5::timestamptz IS NULL THEN 'failed' ELSE status END
        WHERE id = $1 AND attempts = $2 AND status = 'pending'
        """,
        claimed.id,
        claimed.attempts,
        status,
        error,
        again_at,
    )


async def lock_health(conn: Connection, claimed: ClaimedDelivery) -> EndpointHealth | None:
    """Lock and return the endpoint's health. None if it was deleted, disabled or changed its URL."""
    row = await conn.fetchrow(
        """
        SELECT failing_since, unreachable, rests_until FROM webhook_endpoints
        WHERE id = $1 AND url = $2 AND disabled_at IS NULL FOR UPDATE
        """,
        claimed.endpoint_id,
        claimed.url,
    )
    return EndpointHealth(**row) if row else None


async def update_health(conn: Connection, claimed: ClaimedDelivery, failure: AttemptFailure, now: datetime) -> None:
    """Write the endpoint's health after a failed attempt. The caller holds the lock of `lock_health`."""
    await conn.execute(
        """
        UPDATE webhook_endpoints SET
            failing_since = $2, unreachable = $3, rests_until = $4,
            disabled_at = CASE WHEN $5::text IS NOT NULL THEN $6::timestamptz END, disabled_because = $5
        WHERE id = $1
        """,
        claimed.endpoint_id,
        failure.health.failing_since,
        failure.health.unreachable,
        failure.health.rests_until,
        failure.disabled,
        now,
    )


async def fail_pending_deliveries(conn: Connection, endpoint_id: UUID) -> None:
    """Fail every pending delivery of a disabled endpoint, so that an operator can find and replay them."""
    await conn.execute(
        """
        UPDATE deliveries SET
            status = 'failed', due_at = NULL, error = coalesce(error, 'the endpoint was disabled')
        WHERE endpoint_id = $1 AND status = 'pending'
        """,
        endpoint_id,
    )


async def mark_undeliverable(pool: Pool, claimed: ClaimedDelivery, error: str) -> None:
    """Fail a delivery that has no body any more."""
    await pool.execute(
        "UPDATE deliveries SET status = 'failed', due_at = NULL, error = $2 WHERE id = $1",
        claimed.id,
        error,
    )


async def list_due_deliveries(pool: Pool, now: datetime, per_endpoint: int) -> Sequence[str]:
    """The ids of deliveries that are due, the longest due first, at most `per_endpoint` of each endpoint."""
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
        per_endpoint,
    )
    return [str(row["id"]) for row in rows]
