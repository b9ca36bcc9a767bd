# ruff: noqa: S608 - only the constants below are formatted into the statements
"""The table webhook_endpoints: the URLs that outgoing events are sent to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.db.listing import Where, fetch_page
from licet.kit.pages import Page


@dataclass(frozen=True)
class EndpointRecord:
    """An endpoint without its secrets. Times are business times.

    disabled_because: a `core.DisabledReason`; None: the endpoint is enabled.
    failing_since: the first failure after the last success.
    """

    id: UUID
    url: str
    description: str | None
    events: list[str]
    created_at: datetime
    disabled_because: str | None
    failing_since: datetime | None


_ENDPOINT = "id, url, description, events, created_at, disabled_because, failing_since"
_RESET_HEALTH = "failing_since = NULL, unreachable = 0, rests_until = NULL"


def _endpoint(row: asyncpg.Record) -> EndpointRecord:
    return EndpointRecord(**dict(row))


async def insert_endpoint(conn: Connection, endpoint: EndpointRecord, secret_encrypted: bytes) -> None:
    """Insert an enabled endpoint."""
    await conn.execute(
        """
        INSERT INTO webhook_endpoints (id, url, description, events, created_at, secret_encrypted)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        endpoint.id,
        endpoint.url,
        endpoint.description,
        endpoint.events,
        endpoint.created_at,
        secret_encrypted,
    )


async def count_endpoints(conn: Connection) -> int:
    """The number of endpoints, including disabled ones."""
    count: int = await conn.fetchval("SELECT count(*) FROM webhook_endpoints")
    return count


async def list_endpoints(conn: Connection, page: Page) -> tuple[list[EndpointRecord], int]:
    """A page of all endpoints, including disabled ones, newest first, and the total count."""
    rows, total = await fetch_page(
        conn, page, Where(), columns=_ENDPOINT, table="webhook_endpoints", order_by="created_at DESC, id"
    )
    return [_endpoint(row) for row in rows], total


async def find_endpoint(conn: Connection, endpoint_id: UUID, *, for_update: bool = False) -> EndpointRecord | None:
    """One endpoint. for_update: lock its row until the transaction ends."""
    row = await conn.fetchrow(
        f"SELECT {_ENDPOINT} FROM webhook_endpoints WHERE id = $1 {'FOR UPDATE' if for_update else ''}", endpoint_id
    )
    return _endpoint(row) if row else None


async def set_url(conn: Connection, endpoint_id: UUID, url: str) -> None:
    """Change an endpoint's URL and reset its health, which is that of the old URL."""
    await conn.execute(
        f"UPDATE webhook_endpoints SET url = $2, {_RESET_HEALTH} WHERE id = $1 AND url <> $2", endpoint_id, url
    )


async def set_events(conn: Connection, endpoint_id: UUID, events: Sequence[str]) -> None:
    """Change the events that an endpoint receives."""
    await conn.execute("UPDATE webhook_endpoints SET events = $2 WHERE id = $1", endpoint_id, list(events))


async def set_description(conn: Connection, endpoint_id: UUID, description: str | None) -> None:
    """Change an endpoint's description."""
    await conn.execute("UPDATE webhook_endpoints SET description = $2 WHERE id = $1", endpoint_id, description)


async def enable_endpoint(conn: Connection, endpoint_id: UUID) -> None:
    """Enable an endpoint and reset its health."""
    await conn.execute(
        f"""
        UPDATE webhook_endpoints SET disabled_at = NULL, disabled_because = NULL, {_RESET_HEALTH} WHERE id = $1
        """,
        endpoint_id,
    )


async def disable_endpoint(conn: Connection, endpoint_id: UUID, now: datetime) -> bool:
    """Disable an endpoint on an operator's request. Returns False if it does not exist."""
    row = await conn.fetchrow(
        """
        UPDATE webhook_endpoints SET disabled_at = coalesce(disabled_at, $2), disabled_because = 'operator'
        WHERE id = $1 RETURNING id
        """,
        endpoint_id,
        now,
    )
    return row is not None


async def rotate_secret(conn: Connection, endpoint_id: UUID, secret_encrypted: bytes, previous_until: datetime) -> None:
    """Replace the secret. Only the one before it also signs, until `previous_until` (wall time)."""
    await conn.execute(
        """
        UPDATE webhook_endpoints SET
            previous_secret_encrypted = secret_encrypted, previous_secret_until = $3, secret_encrypted = $2
        WHERE id = $1
        """,
        endpoint_id,
        secret_encrypted,
        previous_until,
    )


async def delete_endpoint(conn: Connection, endpoint_id: UUID) -> None:
    """Delete an endpoint. Its deliveries must be deleted first (`delivery_store.delete_deliveries`)."""
    await conn.execute("DELETE FROM webhook_endpoints WHERE id = $1", endpoint_id)


async def find_endpoint_for_email(conn: Connection, endpoint_id: UUID) -> asyncpg.Record | None:
    """An endpoint with `status` and `error` of its last failed delivery."""
    return await conn.fetchrow(
        """
        SELECT endpoint.url, endpoint.id AS endpoint_id, endpoint.disabled_because, endpoint.failing_since,
               last.response_status AS status, last.error
        FROM webhook_endpoints AS endpoint
        LEFT JOIN LATERAL (
            SELECT response_status, error FROM deliveries
            WHERE endpoint_id = endpoint.id AND status = 'failed' AND attempts > 0
            ORDER BY created_at DESC, id LIMIT 1
        ) AS last ON true
        WHERE endpoint.id = $1
        """,
        endpoint_id,
    )
