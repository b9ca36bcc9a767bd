"""Makes rows of webhook endpoints, outgoing events and deliveries."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from uuid import UUID

from licet.http.context import Context
from licet.kit.ids import new_id
from licet.outbox.store import EventName, OutgoingEvent, publish
from licet.outgoing_webhooks.endpoint_store import EndpointRecord, insert_endpoint
from licet.outgoing_webhooks.transport.signing import new_secret

_numbers = count(1)


async def make_endpoint(
    context: Context,
    *,
    url: str = "https://hooks.example.com/licet",
    events: Sequence[str] = ("*",),
    created_at: datetime | None = None,
) -> UUID:
    """Makes an endpoint with an encrypted secret; returns its id."""
    made = EndpointRecord(new_id(), url, None, list(events), created_at or context.now(), None, None)
    async with context.pool.acquire() as conn:
        await insert_endpoint(conn, made, context.keyring.encrypt(new_secret()))
    return made.id


async def publish_event(
    context: Context,
    event: EventName = "license.revoked",
    *,
    about: dict[str, str | int] | None = None,
    account_id: UUID | None = None,
) -> UUID:
    """Publishes an outgoing event to every endpoint that listens to it; returns its id.

    about: the ids in the event; by default the id of a license that does not exist
    """
    fact = f"made-{next(_numbers)}"
    happened = OutgoingEvent(event, fact, account_id, {"licenseId": str(new_id())} if about is None else about)
    async with context.pool.acquire() as conn, conn.transaction():
        await publish(conn, [happened], context.now())
    found: UUID = await context.pool.fetchval("SELECT id FROM outgoing_events WHERE fact = $1", fact)
    return found


async def delivery_of(context: Context, endpoint_id: UUID, event_id: UUID) -> UUID:
    """The id of the delivery of this event to this endpoint."""
    found: UUID = await context.pool.fetchval(
        "SELECT id FROM deliveries WHERE endpoint_id = $1 AND event_id = $2", endpoint_id, event_id
    )
    return found


async def end_delivery(context: Context, delivery_id: UUID, *, status: int | None, error: str | None = None) -> None:
    """Sets a delivery's final status: `delivered` without an error, else `failed`."""
    await context.pool.execute(
        """
        UPDATE deliveries SET
            status = CASE WHEN $3::text IS NULL THEN 'delivered' ELSE 'failed' END, attempts = 10, due_at = NULL,
            delivered_at = CASE WHEN $3::text IS NULL THEN $4::timestamptz END, response_status = $2, error = $3
        WHERE id = $1
        """,
        delivery_id,
        status,
        error,
        context.now(),
    )
