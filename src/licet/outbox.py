"""What happened, for the vendor's own systems: one row per business fact, written in the transaction that learnt it.

Whoever listens for it gets a delivery in the same statement. What it says is rendered from ids when it is sent
(`deliveries/`), so that no row holds a license key. Source: contract, section 6.
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

EVERYTHING = "*"
"""What an endpoint names that listens for all events, also those that come with later versions."""

DELIVER = "deliver"
"""The job's entrypoint; its key is the delivery's id."""


@dataclass(frozen=True)
class OutgoingEvent:
    """One thing that happened.

    fact: what it is told once about, with the event's name unique for ever. about: ids to render it from, no secrets.
    """

    event: EventName
    fact: str
    account_id: UUID | None
    about: dict[str, str | int]


async def publish(conn: Connection, happened: Sequence[OutgoingEvent], now: datetime) -> None:
    """Have the vendor's systems told once the caller's transaction commits; what was told before is passed over.

    now: business time.
    """
    if not happened:
        return
    deliveries = await conn.fetch(
        """
        WITH happened AS (
            INSERT INTO outgoing_events (id, event, fact, account_id, about, created_at)
            SELECT id, event, fact, account_id, about, $6
            FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::jsonb[])
                AS news (id, event, fact, account_id, about)
            ON CONFLICT (event, fact) DO NOTHING
            RETURNING id, event, account_id
        )
        INSERT INTO deliveries (id, endpoint_id, event_id, account_id, created_at, due_at)
        SELECT gen_random_uuid(), endpoint.id, happened.id, happened.account_id, $6, $6
        FROM happened JOIN webhook_endpoints AS endpoint
            ON endpoint.disabled_at IS NULL AND endpoint.events && ARRAY[happened.event, $7]
        RETURNING id
        """,
        [new_id() for _ in happened],
        [one.event for one in happened],
        [one.fact for one in happened],
        [one.account_id for one in happened],
        [one.about for one in happened],
        now,
        EVERYTHING,
    )
    await enqueue(conn, DELIVER, *(str(row["id"]) for row in deliveries))
