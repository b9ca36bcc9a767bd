# ruff: noqa: S608 - what is put into the statements are the constants below
"""The table webhook_endpoints: where the vendor's systems listen, as operators see and change it."""

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

    disabled_because: asked (an operator), failing (for too long), gone (it said so); None: it is told what happens.
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
_TROUBLE_FORGOTTEN = "failing_since = NULL, unreachable = 0, rests_until = NULL"


def _endpoint(row: asyncpg.Record) -> EndpointRecord:
    return EndpointRecord(**dict(row))


async def insert_endpoint(conn: Connection, made: EndpointRecord, secret_encrypted: bytes) -> None:
    """A new endpoint, which has neither failed nor been disabled."""
    await conn.execute(
        """
        INSERT INTO webhook_endpoints (id, url, description, events, created_at, secret_encrypted)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        made.id,
        made.url,
        made.description,
        made.events,
        made.created_at,
        secret_encrypted,
    )


async def count_endpoints(conn: Connection) -> int:
    """How many there are, disabled ones too."""
    found: int = await conn.fetchval("SELECT count(*) FROM webhook_endpoints")
    return found


async def list_endpoints(conn: Connection, page: Page) -> tuple[list[EndpointRecord], int]:
    """A page of the endpoints, disabled ones too, the newest first, and how many there are."""
    rows, total = await fetch_page(
        conn, page, Where(), columns=_ENDPOINT, table="webhook_endpoints", order_by="created_at DESC, id"
    )
    return [_endpoint(row) for row in rows], total


async def find_endpoint(conn: Connection, endpoint_id: UUID, *, to_change: bool = False) -> EndpointRecord | None:
    """One endpoint. to_change: locked until the transaction ends."""
    row = await conn.fetchrow(
        f"SELECT {_ENDPOINT} FROM webhook_endpoints WHERE id = $1 {'FOR UPDATE' if to_change else ''}", endpoint_id
    )
    return _endpoint(row) if row else None


async def move(conn: Connection, endpoint_id: UUID, url: str) -> None:
    """Where it listens from now on. That the old address failed says nothing of a new one."""
    await conn.execute(
        f"UPDATE webhook_endpoints SET url = $2, {_TROUBLE_FORGOTTEN} WHERE id = $1 AND url <> $2", endpoint_id, url
    )


async def listen_for(conn: Connection, endpoint_id: UUID, events: Sequence[str]) -> None:
    """What it is told from now on."""
    await conn.execute("UPDATE webhook_endpoints SET events = $2 WHERE id = $1", endpoint_id, list(events))


async def describe(conn: Connection, endpoint_id: UUID, description: str | None) -> None:
    """What it is, in words for people; None: none."""
    await conn.execute("UPDATE webhook_endpoints SET description = $2 WHERE id = $1", endpoint_id, description)


async def enable(conn: Connection, endpoint_id: UUID) -> None:
    """It is told what happens from now on, as one that never failed."""
    await conn.execute(
        f"""
        UPDATE webhook_endpoints SET disabled_at = NULL, disabled_because = NULL, {_TROUBLE_FORGOTTEN} WHERE id = $1
        """,
        endpoint_id,
    )


async def disable(conn: Connection, endpoint_id: UUID, now: datetime) -> bool:
    """It is told nothing any more, because an operator asks for it. False: no such endpoint."""
    row = await conn.fetchrow(
        """
        UPDATE webhook_endpoints SET disabled_at = coalesce(disabled_at, $2), disabled_because = 'asked'
        WHERE id = $1 RETURNING id
        """,
        endpoint_id,
        now,
    )
    return row is not None


async def rotate(conn: Connection, endpoint_id: UUID, secret_encrypted: bytes, both_until: datetime) -> None:
    """Another secret, beside which the one before signs until then (wall time). One before that signs no more."""
    await conn.execute(
        """
        UPDATE webhook_endpoints SET
            previous_secret_encrypted = secret_encrypted, previous_secret_until = $3, secret_encrypted = $2
        WHERE id = $1
        """,
        endpoint_id,
        secret_encrypted,
        both_until,
    )


async def delete_endpoint(conn: Connection, endpoint_id: UUID) -> None:
    """Without its deliveries: those go before it (`delivery_store.delete_some`)."""
    await conn.execute("DELETE FROM webhook_endpoints WHERE id = $1", endpoint_id)
