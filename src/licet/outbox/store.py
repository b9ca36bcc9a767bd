"""Writes outgoing events: one row per business fact, in the transaction that learns of it.

The same statement writes a delivery for every endpoint that listens for the event. The body is rendered from ids when
it is sent (`outgoing_webhooks/`), so that no row contains a license key. Source: contract, section 6.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from licet.db.connection import Connection
from licet.kit.ids import new_id
from licet.queue.jobs import enqueue

EventName = Literal[
    "checkout.completed",
    "invoice.paid",
    "subscription.updated",
    "subscription.deleted",
    "subscription.undone",
    "charge.refunded",
    "payment.failed",
    "license.issued",
    "license.suspended",
    "license.reinstated",
    "license.revoked",
    "license.expired",
]

ALL_EVENTS = "*"
"""In an endpoint's `events`: every event, including events that later versions add."""

DELIVER_JOB = "send_webhook"
"""The job's entrypoint. The job's key is the delivery's id."""


@dataclass(frozen=True)
class OutgoingEvent:
    """An event to publish.

    fact: what the event reports; (event, fact) is unique and published once.
    about: the ids that the body is rendered from, never a secret.
    """

    event: EventName
    fact: str
    account_id: UUID | None
    about: dict[str, str | int]


async def publish(conn: Connection, events: Sequence[OutgoingEvent], now: datetime) -> None:
    """Write events and their deliveries; they are sent once the caller's transaction commits.

    An event whose fact was published before is skipped. now: business time.
    """
    if not events:
        return
    deliveries = await conn.fetch(
        """
        WITH published AS (
            INSERT INTO outgoing_events (id, event, fact, account_id, about, created_at)
            SELECT id, event, fact, account_id, about, $6
            FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::jsonb[])
                AS given (id, event, fact, account_id, about)
            ON CONFLICT (event, fact) DO NOTHING
            RETURNING id, event, account_id
        )
        INSERT INTO deliveries (id, endpoint_id, event_id, account_id, created_at, due_at)
        SELECT gen_random_uuid(), endpoint.id, published.id, published.account_id, $6, $6
        FROM published JOIN webhook_endpoints AS endpoint
            ON endpoint.disabled_at IS NULL AND endpoint.events && ARRAY[published.event, $7]
        RETURNING id
        """,
        [new_id() for _ in events],
        [event.event for event in events],
        [event.fact for event in events],
        [event.account_id for event in events],
        [event.about for event in events],
        now,
        ALL_EVENTS,
    )
    await enqueue(conn, DELIVER_JOB, *(str(row["id"]) for row in deliveries))
