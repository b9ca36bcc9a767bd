"""The events table: every event as received, with its outcome. Also reads of checkout sessions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from licet.db.connection import Connection
from licet.queue.store import DueTable
from licet.stripe_events.event import ReceivedEvent

FAILED_EVENTS = DueTable("events", key=("stripe_event_id",), due="retry_at", attempts=False)
"""The failed events that Licet tries again. If `retry_at` is null, only an operator replays the event.

Each try counts itself in `attempts`.
"""


IS_READ = "the object is read from Stripe"
"""How the reason of an event ends whose object is applied by a read."""


async def insert_event(conn: Connection, event: ReceivedEvent, received_at: datetime) -> bool:
    """Insert a new event, as applied until `write_outcome` says otherwise. False: it is already kept."""
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


async def insert_or_lock_failed(conn: Connection, event: ReceivedEvent, received_at: datetime) -> bool:
    """Insert a new event, or lock it if it is kept as failed. False: it is kept with another outcome.

    Concurrent deliveries of one event wait here for each other.
    """
    return await insert_event(conn, event, received_at) or await lock_failed(conn, event.id) is not None


async def lock_failed(conn: Connection, stripe_event_id: str) -> str | None:
    """Lock an event that is kept as failed, and count one more try.

    Returns its outcome; None if it is not failed any more.
    """
    outcome: str | None = await conn.fetchval(
        """
        UPDATE events SET attempts = attempts + 1 WHERE stripe_event_id = $1 AND outcome = 'failed' RETURNING outcome
        """,
        stripe_event_id,
    )
    return outcome


async def lock_event(conn: Connection, stripe_event_id: str) -> str | None:
    """Lock an event and count one more try. Returns its outcome so far; None if there is no such event."""
    outcome: str | None = await conn.fetchval(
        "UPDATE events SET attempts = attempts + 1 WHERE stripe_event_id = $1 RETURNING outcome", stripe_event_id
    )
    return outcome


async def find_payload(conn: Connection, stripe_event_id: str) -> dict[str, Any] | None:
    """The payload of a kept event, or None."""
    payload: dict[str, Any] | None = await conn.fetchval(
        "SELECT payload FROM events WHERE stripe_event_id = $1", stripe_event_id
    )
    return payload


async def write_outcome(
    conn: Connection, stripe_event_id: str, outcome: str, reason: str | None, account_id: UUID | None
) -> None:
    """Write the outcome of an event; its error and its next try are cleared."""
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


async def ignore_unread_events(conn: Connection, stripe_object_id: str, reason: str) -> None:
    """Write as ignored the events whose object was left to a read, because Stripe has no such object."""
    await conn.execute(
        """
        UPDATE events SET outcome = 'ignored', reason = $2
        WHERE stripe_object_id = $1 AND outcome = 'applied' AND reason IS NOT NULL AND reason LIKE '%' || $3
        """,
        stripe_object_id,
        reason,
        IS_READ,
    )


async def add_reason(conn: Connection, stripe_event_id: str, missing_id: str, reason: str) -> None:
    """Write the reason of an applied event that is about another object than the missing one, once."""
    await conn.execute(
        """
        UPDATE events SET reason = concat_ws('; ', $3::text, reason)
        WHERE stripe_event_id = $1 AND stripe_object_id IS DISTINCT FROM $2 AND outcome = 'applied'
          AND (reason IS NULL OR position($3 IN reason) = 0)
        """,
        stripe_event_id,
        missing_id,
        reason,
    )


async def keep_failed(
    conn: Connection, event: ReceivedEvent, received_at: datetime, error: str, *, is_kept: bool
) -> int | None:
    """Keep an event that could not be handled, with its error. Returns how often it was tried.

    is_kept: whether the event was stored before this try (a retry or a replay). If not, and another delivery of it
    has succeeded meanwhile, nothing is written and None is returned.
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
        is_kept,
    )
    return attempts


async def list_open_subscription_checkouts(
    conn: Connection, stripe_customer_id: str | None, *, amount: int, currency: str
) -> list[str]:
    """List a customer's open subscription checkouts over this amount, by session id.

    Only sessions that Licet created. amount: in minor units of `currency`.
    """
    rows = await conn.fetch(
        """
        SELECT stripe_session_id FROM checkout_sessions
        WHERE made_here AND status = 'open' AND mode = 'subscription' AND amount_total = $2 AND currency = $3
          AND account_id = (SELECT account_id FROM customers WHERE stripe_customer_id = $1)
        """,
        stripe_customer_id,
        amount,
        currency,
    )
    return [row["stripe_session_id"] for row in rows]
