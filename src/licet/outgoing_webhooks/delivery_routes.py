"""`/api/webhook-endpoints/{id}/deliveries`: operators list, retrieve and replay deliveries."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Path, Query, Response
from pydantic import Field

from licet.accounts.auth import Operator
from licet.db.connection import Connection
from licet.errors import Conflict, NotFound
from licet.http.context import Context, Ctx
from licet.http.openapi.document import responses
from licet.http.paging import Paging, listed
from licet.http.router import PathId, api_router
from licet.http.shapes import EXAMPLE_ID, At, ListResponse, ResponseBody
from licet.kit.ids import as_id
from licet.outbox.store import DELIVER_JOB
from licet.outgoing_webhooks import delivery_store as store
from licet.outgoing_webhooks.delivery_store import DeliveryRecord
from licet.outgoing_webhooks.endpoint_routes import get_endpoint
from licet.outgoing_webhooks.payloads.registry import compose_event
from licet.queue.jobs import enqueue

router = api_router("/api/webhook-endpoints/{id}/deliveries", tag="deliveries")

DeliveryStatus = Literal["pending", "delivered", "failed"]
_ENDPOINT_DISABLED = (409, 'The endpoint is disabled. Enable it first: PATCH it with {"enabled": true}.')


def _delivery_id(
    text: Annotated[str, Path(alias="deliveryId", description="The delivery's id, a UUID.", examples=[EXAMPLE_ID])],
) -> UUID:
    delivery_id = as_id(text)
    if delivery_id is None:
        raise _delivery_not_found()
    return delivery_id


DeliveryId = Annotated[UUID, Depends(_delivery_id)]


class Delivery(ResponseBody):
    """The delivery of an event to an endpoint, without the body."""

    id: UUID
    event_id: UUID = Field(description="The value of `webhook-id`, the same in every attempt and for every endpoint.")
    event: str = Field(examples=["checkout.completed"])
    status: DeliveryStatus = Field(description="failed: not retried, but can be replayed.", examples=["delivered"])
    attempts: int = Field(examples=[1])
    created_at: At
    delivered_at: At | None
    next_attempt_at: At | None = Field(description="Null if no further attempt is scheduled.", examples=[None])
    response_status: int | None = Field(description="Of the last attempt. Null without a response.", examples=[200])
    error: str | None = Field(description="Why the last attempt failed.", examples=[None])


class DeliveryDetails(Delivery):
    """A delivery with the body that would be sent now. It is rendered for this response, not stored."""

    body: dict[str, Any] | None = Field(
        description="Null if the object that the event is about no longer exists.",
        examples=[{"id": EXAMPLE_ID, "event": "checkout.completed", "createdAt": "2027-01-31T12:00:00Z", "data": {}}],
    )


@router.get("", summary="List deliveries of a webhook endpoint", responses=responses(401, 403, 404))
async def list_deliveries(
    ctx: Ctx,
    _: Operator,
    endpoint_id: PathId,
    page: Paging,
    status: Annotated[DeliveryStatus | None, Query(description="Only deliveries with this status.")] = None,
) -> ListResponse[Delivery]:
    """Lists the deliveries to an endpoint, newest first, including pending ones."""
    async with ctx.pool.acquire() as conn:
        await get_endpoint(conn, endpoint_id)
        records, total = await store.list_delivery_records(conn, page, endpoint_id, status=status)
    return listed([Delivery(**_fields(record)) for record in records], total, page)


@router.get("/{deliveryId}", summary="Retrieve a delivery", responses=responses(401, 403, 404))
async def get_delivery(
    ctx: Ctx, _: Operator, endpoint_id: PathId, delivery_id: DeliveryId, response: Response
) -> DeliveryDetails:
    """Retrieves a delivery with its body, which may contain license keys."""
    async with ctx.pool.acquire() as conn:
        delivery = await _get(conn, endpoint_id, delivery_id)
    body = await _body(ctx, delivery.event_id)
    response.headers["Cache-Control"] = "no-store"
    return DeliveryDetails(**_fields(delivery), body=body)


@router.post(
    "/{deliveryId}/replay",
    summary="Replay a delivery",
    responses=responses(401, 403, 404, endpoint_disabled=_ENDPOINT_DISABLED),
)
async def replay_delivery(ctx: Ctx, _: Operator, endpoint_id: PathId, delivery_id: DeliveryId) -> Delivery:
    """Sends the event again at once with the same `webhook-id`, whatever the delivery's status.

    The count of attempts restarts. If the endpoint has just failed to respond, Licet waits up to 15 minutes first.
    """
    now = ctx.now()
    async with ctx.pool.acquire() as conn, conn.transaction():
        await _get(conn, endpoint_id, delivery_id)
        if (await get_endpoint(conn, endpoint_id)).disabled_because is not None:
            raise Conflict(_ENDPOINT_DISABLED[1], code="endpoint_disabled")
        await store.reset_delivery(conn, delivery_id, now)
        await enqueue(conn, DELIVER_JOB, str(delivery_id))
        return Delivery(**_fields(await _get(conn, endpoint_id, delivery_id)))


async def _get(conn: Connection, endpoint_id: UUID, delivery_id: UUID) -> DeliveryRecord:
    delivery = await store.find_delivery(conn, endpoint_id, delivery_id)
    if delivery is None:
        raise _delivery_not_found()
    return delivery


async def _body(ctx: Context, event_id: UUID) -> dict[str, Any] | None:
    try:
        return await compose_event(ctx, event_id)
    except NotFound:
        return None


def _delivery_not_found() -> NotFound:
    return NotFound("This endpoint has no such delivery.")


def _fields(delivery: DeliveryRecord) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "event_id": delivery.event_id,
        "event": delivery.event,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "created_at": delivery.created_at,
        "delivered_at": delivery.delivered_at,
        "next_attempt_at": delivery.due_at,
        "response_status": delivery.response_status,
        "error": delivery.error,
    }
