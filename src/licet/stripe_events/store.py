"""The events table: every event as received, and what became of it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.stripe_events.event import ReceivedEvent


async def insert_event(conn: Connection, event: ReceivedEvent, received_at: datetime) -> bool:
    """Keep a new event as applied, until something else is said of it. False where it is here already."""
    inserted = await conn.fetchval(
        """
        INSERT INTO events (stripe_event_id, type, stripe_object_id, api_version, created_at, received_at, outcome,
                            payload)
        VALUES ($1, $2, $3, $4, $5, $6, 'applied', $7)
        ON CONFLICT (stripe_event_id) DO NOTHING RETURNING true
        """,
        event.id,
        event.type,
        event.object_id,
        event.payload.get("api_version"),
        event.created_at,
        received_at,
        event.payload,
    )
    return inserted is not None


async def lock_event(conn: Connection, stripe_event_id: str) -> asyncpg.Record | None:
    """An event's payload and outcome, locked so that one worker at a time tries it."""
    return await conn.fetchrow(
        "SELECT payload, outcome, attempts FROM events WHERE stripe_event_id = $1 FOR UPDATE", stripe_event_id
    )


async def write_outcome(
    conn: Connection, stripe_event_id: str, outcome: str, reason: str | None, account_id: UUID | None
) -> None:
    """Say what became of an event; one that had failed has not any more."""
    await conn.execute(
        """
        UPDATE events SET
            outcome = $2, reason = $3, account_id = coalesce($4, account_id), error = NULL, retry_at = NULL
        WHERE stripe_event_id = $1
        """,
        stripe_event_id,
        outcome,
        reason,
        account_id,
    )


async def count_attempt(conn: Connection, stripe_event_id: str) -> None:
    """Count one more try, in the transaction that makes it."""
    await conn.execute("UPDATE events SET attempts = attempts + 1 WHERE stripe_event_id = $1", stripe_event_id)


async def keep_failed(
    conn: Connection, event: ReceivedEvent, received_at: datetime, error: str, *, tried_again: bool
) -> int | None:
    """Keep an event that could not be handled, with the error. Returns how often it was tried.

    Of two deliveries at once the other may have succeeded meanwhile; then nothing is kept (None), unless this one
    knew of it (`tried_again`).
    """
    attempts: int | None = await conn.fetchval(
        """
        INSERT INTO events (stripe_event_id, type, stripe_object_id, api_version, created_at, received_at, outcome,
                            error, payload)
        VALUES ($1, $2, $3, $4, $5, $6, 'failed', $7, $8)
        ON CONFLICT (stripe_event_id) DO UPDATE SET
            attempts = events.attempts + 1, outcome = 'failed', error = excluded.error
            WHERE events.outcome = 'failed' OR $9
        RETURNING attempts
        """,
        event.id,
        event.type,
        event.object_id,
        event.payload.get("api_version"),
        event.created_at,
        received_at,
        error,
        event.payload,
        tried_again,
    )
    return attempts


async def write_retry_at(conn: Connection, stripe_event_id: str, retry_at: datetime | None) -> None:
    """When to try a failed event again; None: not before an operator asks."""
    await conn.execute("UPDATE events SET retry_at = $2 WHERE stripe_event_id = $1", stripe_event_id, retry_at)


async def list_due(conn: Connection, now: datetime) -> list[str]:
    """The failed events whose next try is due, oldest first."""
    rows: list[Any] = await conn.fetch(
        "SELECT stripe_event_id FROM events WHERE retry_at <= $1 ORDER BY retry_at LIMIT 100", now
    )
    return [row["stripe_event_id"] for row in rows]
