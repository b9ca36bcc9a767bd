"""What an attempt to deliver writes: that it is under way, and how it ended, of the delivery and of its endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.deliveries.core import Failure


@dataclass(frozen=True)
class Claimed:
    """A delivery that is ours to make now. attempts counts this one; the secrets are encrypted, the newest first.

    unreachable, failing_since: how its endpoint has been doing (`core.after_failure`).
    """

    id: UUID
    event_id: UUID
    event: str
    attempts: int
    endpoint_id: UUID
    url: str
    secret_encrypted: bytes
    previous_secret_encrypted: bytes | None
    previous_secret_until: datetime | None
    unreachable: int
    failing_since: datetime | None


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
                  previous_secret_encrypted, previous_secret_until, unreachable, failing_since
        """,
        delivery_id,
        now,
        until,
    )
    return Claimed(**row) if row else None


async def leave(pool: Pool, delivery_id: UUID) -> None:
    """What becomes of one that could not be taken: later where its endpoint rests, else it is over.

    One whose endpoint was deleted goes with it.
    """
    await pool.execute(
        """
        WITH gone AS (
            DELETE FROM deliveries WHERE id = $1
            AND NOT EXISTS (SELECT 1 FROM webhook_endpoints AS endpoint WHERE endpoint.id = endpoint_id)
        )
        UPDATE deliveries SET
            status = CASE WHEN disabled_at IS NULL THEN status ELSE 'failed' END,
            error = CASE WHEN disabled_at IS NULL THEN error ELSE 'the endpoint was disabled' END,
            due_at = CASE WHEN disabled_at IS NULL THEN greatest(due_at, rests_until) END
        FROM webhook_endpoints AS endpoint
        WHERE deliveries.id = $1 AND status = 'pending' AND endpoint.id = endpoint_id
            AND (disabled_at IS NOT NULL OR rests_until IS NOT NULL)
        """,
        delivery_id,
    )


async def delivered(pool: Pool, done: Claimed, status: int, now: datetime) -> None:
    """It has arrived, so its endpoint is well."""
    await pool.execute(
        """
        UPDATE deliveries SET
            status = 'delivered', delivered_at = $2, due_at = NULL, response_status = $3, error = NULL
        WHERE id = $1
        """,
        done.id,
        now,
        status,
    )
    if done.failing_since is not None:
        await pool.execute(
            "UPDATE webhook_endpoints SET failing_since = NULL, unreachable = 0, rests_until = NULL WHERE id = $1",
            done.endpoint_id,
        )


async def failed(
    conn: Connection, tried: Claimed, failure: Failure, *, status: int | None, error: str, now: datetime
) -> bool:
    """It has not. True where that disabled its endpoint: once, however many deliveries fail at the same moment."""
    await conn.execute(
        """
        UPDATE deliveries SET
            response_status = $2, error = $3, due_at = $4,
            status = CASE WHEN $4::timestamptz IS NULL THEN 'failed' ELSE status END
        WHERE id = $1 AND status = 'pending'
        """,
        tried.id,
        status,
        error,
        None if failure.disabled else failure.again_at,
    )
    disabled = await conn.fetchval(
        """
        UPDATE webhook_endpoints SET
            failing_since = coalesce(failing_since, $2),
            -- Of those that found nobody at the same moment the first one counts.
            unreachable = CASE WHEN $3::timestamptz IS NULL THEN 0 WHEN rests_until > $2 THEN unreachable
                               ELSE unreachable + 1 END,
            rests_until = greatest(rests_until, $3),
            disabled_at = CASE WHEN $4::text IS NULL THEN NULL ELSE $2 END, disabled_because = $4
        WHERE id = $1 AND disabled_at IS NULL RETURNING disabled_at IS NOT NULL
        """,
        tried.endpoint_id,
        now,
        failure.rests_until,
        failure.disabled,
    )
    return disabled is True


async def over(pool: Pool, tried: Claimed, error: str) -> None:
    """There is nothing to deliver any more."""
    await pool.execute(
        "UPDATE deliveries SET status = 'failed', due_at = NULL, error = $2 WHERE id = $1", tried.id, error
    )


async def list_due(pool: Pool, now: datetime) -> Sequence[str]:
    """The deliveries whose time has come, the longest due first."""
    rows = await pool.fetch("SELECT id FROM deliveries WHERE due_at <= $1 ORDER BY due_at LIMIT 100", now)
    return [str(row["id"]) for row in rows]
