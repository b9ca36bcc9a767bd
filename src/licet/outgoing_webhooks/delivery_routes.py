"""Operators see what was sent to an endpoint, and have it sent again: `/api/webhook-endpoints/{id}/deliveries`."""

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
from licet.outbox import DELIVER
from licet.outgoing_webhooks import delivery_store as store
from licet.outgoing_webhooks.delivery_store import DeliveryRecord
from licet.outgoing_webhooks.endpoint_routes import get_endpoint
from licet.outgoing_webhooks.payloads.registry import compose
from licet.queue.jobs import enqueue

router = api_router("/api/webhook-endpoints/{id}/deliveries", tag="deliveries")

Status = Literal["pending", "delivered", "failed"]
_DISABLED = (409, 'The endpoint is disabled. Enable it first: PATCH it with {"enabled": true}.')


def _delivery_id(
    written: Annotated[str, Path(alias="deliveryId", description="The delivery's id, a UUID.", examples=[EXAMPLE_ID])],
) -> UUID:
    found = as_id(written)
    if found is None:
        raise _not_there()
    return found


DeliveryId = Annotated[UUID, Depends(_delivery_id)]


class Delivery(ResponseBody):
    """An event on its way to an endpoint, without what it says."""

    id: UUID
    event_id: UUID = Field(description="What `webhook-id` is: the same at each attempt, and to each endpoint.")
    event: str = Field(examples=["checkout.completed"])
    status: Status = Field(description="failed: it is not tried again by itself.", examples=["delivered"])
    attempts: int = Field(examples=[1])
    created_at: At
    delivered_at: At | None
    next_attempt_at: At | None = Field(description="Null: it is not tried again by itself.", examples=[None])
    response_status: int | None = Field(description="Of the last attempt. Null: nobody answered.", examples=[200])
    error: str | None = Field(description="Of the last attempt.", examples=[None])


class DeliveryDetails(Delivery):
    """A delivery with what would be sent now, written anew from what it is about: no license key is kept in it."""

    body: dict[str, Any] | None = Field(
        description="Null where what it is about is not there any more.",
        examples=[{"id": EXAMPLE_ID, "event": "checkout.completed", "createdAt": "2027-01-31T12:00:00Z", "data": {}}],
    )


@router.get("", summary="What was sent to a webhook endpoint, the newest first", responses=responses(401, 403, 404))
async def list_deliveries(
    ctx: Ctx,
    _: Operator,
    endpoint_id: PathId,
    page: Paging,
    status: Annotated[Status | None, Query(description="Those that are so.")] = None,
) -> ListResponse[Delivery]:
    """What is still to be sent, too. Also by status."""
    async with ctx.pool.acquire() as conn:
        await get_endpoint(conn, endpoint_id)
        found, total = await store.list_deliveries(conn, page, endpoint_id, status=status)
    return listed([Delivery(**_fields(one)) for one in found], total, page)


@router.get("/{deliveryId}", summary="One delivery", responses=responses(401, 403, 404))
async def get_delivery(
    ctx: Ctx, _: Operator, endpoint_id: PathId, delivery_id: DeliveryId, response: Response
) -> DeliveryDetails:
    """With what it says, license keys and all."""
    async with ctx.pool.acquire() as conn:
        found = await _get(conn, endpoint_id, delivery_id)
    body = await _body(ctx, found.event_id)
    response.headers["Cache-Control"] = "no-store"
    return DeliveryDetails(**_fields(found), body=body)


@router.post(
    "/{deliveryId}/replay",
    summary="Send a delivery again",
    responses=responses(401, 403, 404, endpoint_disabled=_DISABLED),
)
async def replay_delivery(ctx: Ctx, _: Operator, endpoint_id: PathId, delivery_id: DeliveryId) -> Delivery:
    """At once, whatever became of it before, and under the same `webhook-id`; its attempts are counted anew. An
    endpoint where nobody has just answered is given a rest first, of a quarter of an hour at most."""
    now = ctx.now()
    async with ctx.pool.acquire() as conn, conn.transaction():
        await _get(conn, endpoint_id, delivery_id)
        if (await get_endpoint(conn, endpoint_id)).disabled_because is not None:
            raise Conflict(_DISABLED[1], code="endpoint_disabled")
        await store.start_again(conn, delivery_id, now)
        await enqueue(conn, DELIVER, str(delivery_id))
        return Delivery(**_fields(await _get(conn, endpoint_id, delivery_id)))


async def _get(conn: Connection, endpoint_id: UUID, delivery_id: UUID) -> DeliveryRecord:
    found = await store.find_delivery(conn, endpoint_id, delivery_id)
    if found is None:
        raise _not_there()
    return found


async def _body(ctx: Context, event_id: UUID) -> dict[str, Any] | None:
    try:
        return await compose(ctx, event_id)
    except NotFound:
        return None


def _not_there() -> NotFound:
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
