# ruff: noqa: S608 - only the constants below are formatted into the statements
"""The table deliveries, as operators see it: one row per event and endpoint."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.db.listing import Where, fetch_page
from licet.kit.pages import Page


@dataclass(frozen=True)
class DeliveryRecord:
    """The delivery of one event to one endpoint. Times are business times.

    due_at: the next attempt; None: there is none. response_status, error: of the last attempt, None before the first.
    error is None after a success, response_status if there was no response.
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
    deliveries.id, deliveries.event_id, event.event, deliveries.status, deliveries.attempts, deliveries.created_at,
    deliveries.delivered_at, deliveries.due_at, deliveries.response_status, deliveries.error"""
_WITH_EVENT = "JOIN outgoing_events AS event ON event.id = deliveries.event_id"
_NEWEST = "deliveries.created_at DESC, deliveries.id"


def _delivery(row: asyncpg.Record) -> DeliveryRecord:
    return DeliveryRecord(**dict(row))


async def list_delivery_records(
    conn: Connection, page: Page, endpoint_id: UUID, *, status: str | None
) -> tuple[list[DeliveryRecord], int]:
    """A page of an endpoint's deliveries, newest first, and the total count. status None: all."""
    where = Where().add("endpoint_id = {}", endpoint_id).add("status = {}", status)
    rows, total = await fetch_page(
        conn, page, where, columns=_DELIVERY, table="deliveries", joins=_WITH_EVENT, order_by=_NEWEST
    )
    return [_delivery(row) for row in rows], total


async def find_delivery(conn: Connection, endpoint_id: UUID, delivery_id: UUID) -> DeliveryRecord | None:
    """One delivery. None if it does not exist or belongs to another endpoint."""
    row = await conn.fetchrow(
        f"SELECT {_DELIVERY} FROM deliveries {_WITH_EVENT} WHERE deliveries.id = $1 AND endpoint_id = $2",
        delivery_id,
        endpoint_id,
    )
    return _delivery(row) if row else None


async def reset_delivery(conn: Connection, delivery_id: UUID, now: datetime) -> None:
    """Reset a delivery, so that it is due at once as if it had never been attempted. now: business time."""
    await conn.execute(
        """
        UPDATE deliveries SET status = 'pending', attempts = 0, due_at = $2, delivered_at = NULL,
                              response_status = NULL, error = NULL
        WHERE id = $1
        """,
        delivery_id,
        now,
    )


async def delete_deliveries(conn: Connection, endpoint_id: UUID, at_most: int) -> int:
    """Delete up to `at_most` deliveries of an endpoint. Returns how many.

    A single statement over a million rows would hold back vacuum.
    """
    command_tag: str = await conn.execute(
        "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE endpoint_id = $1 LIMIT $2)",
        endpoint_id,
        at_most,
    )
    return int(command_tag.removeprefix("DELETE "))
