# ruff: noqa: S608 - what is put into the statements are the constants below
"""The table deliveries, as operators see it: each event on its way to each endpoint."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.db.listing import Where, fetch_page
from licet.kit.pages import Page


@dataclass(frozen=True)
class DeliveryRecord:
    """How far an event has come on its way to one endpoint. Times are business times.

    due_at: when it is tried next; None: not by itself. response_status, error: of the last attempt; both None where it
    went well or there was none yet, response_status None where nobody answered.
    """

    id: UUID
    event_id: UUID
    event: str
    status: str
    attempts: int
    created_at: datetime
    delivered_at: datetime | None
    due_at: datetime | None
    response_status: int | None
    error: str | None


_DELIVERY = """
    deliveries.id, deliveries.event_id, happened.event, deliveries.status, deliveries.attempts, deliveries.created_at,
    deliveries.delivered_at, deliveries.due_at, deliveries.response_status, deliveries.error"""
_WITH_EVENT = "JOIN outgoing_events AS happened ON happened.id = deliveries.event_id"
_NEWEST = "deliveries.created_at DESC, deliveries.id"


def _delivery(row: asyncpg.Record) -> DeliveryRecord:
    return DeliveryRecord(**dict(row))


async def list_deliveries(
    conn: Connection, page: Page, endpoint_id: UUID, *, status: str | None
) -> tuple[list[DeliveryRecord], int]:
    """A page of an endpoint's deliveries, the newest first, and how many there are. status None: whatever it is."""
    where = Where().add("endpoint_id = {}", endpoint_id).add("status = {}", status)
    rows, total = await fetch_page(
        conn, page, where, columns=_DELIVERY, table="deliveries", joins=_WITH_EVENT, order_by=_NEWEST
    )
    return [_delivery(row) for row in rows], total


async def find_delivery(conn: Connection, endpoint_id: UUID, delivery_id: UUID) -> DeliveryRecord | None:
    """One delivery, where it is this endpoint's."""
    row = await conn.fetchrow(
        f"SELECT {_DELIVERY} FROM deliveries {_WITH_EVENT} WHERE deliveries.id = $1 AND endpoint_id = $2",
        delivery_id,
        endpoint_id,
    )
    return _delivery(row) if row else None


async def start_again(conn: Connection, delivery_id: UUID, now: datetime) -> None:
    """It is due at once, as if it had never been tried. now: business time."""
    await conn.execute(
        """
        UPDATE deliveries SET status = 'pending', attempts = 0, due_at = $2, delivered_at = NULL,
                              response_status = NULL, error = NULL
        WHERE id = $1
        """,
        delivery_id,
        now,
    )


async def delete_some(conn: Connection, endpoint_id: UUID, at_most: int) -> int:
    """Of an endpoint's deliveries as many; how many went. A million in one statement would hold up whoever vacuums."""
    done: str = await conn.execute(
        "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE endpoint_id = $1 LIMIT $2)",
        endpoint_id,
        at_most,
    )
    return int(done.removeprefix("DELETE "))
