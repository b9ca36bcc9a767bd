"""Routes for operators to read and replay Stripe events: `/api/admin/events`."""

from typing import Annotated, Literal
from uuid import UUID

import asyncpg
from fastapi import Path, Query
from pydantic import Field

from licet.accounts.auth import Operator
from licet.admin import store
from licet.errors import NotFound
from licet.http.context import Context, Ctx
from licet.http.openapi.document import responses
from licet.http.paging import Paging, listed
from licet.http.router import api_router
from licet.http.shapes import At, ListResponse, ResponseBody
from licet.stripe_api.version import API_VERSION
from licet.stripe_events import receive

router = api_router("/api/admin/events", tag="operators")

EventOutcome = Literal["applied", "stale", "ignored", "waiting", "failed"]
EventId = Annotated[str, Path(alias="id", description="Stripe's id of the event.", examples=["evt_1QxYz"])]


class Event(ResponseBody):
    """A Stripe event as received, without its payload."""

    id: str = Field(examples=["evt_1QxYz"])
    type: str = Field(examples=["invoice.paid"])
    outcome: EventOutcome
    reason: str | None = Field(description="Why the event was not applied, if it was not.", examples=[None])
    object_id: str | None = Field(examples=["in_1QxYz"])
    account_id: UUID | None
    api_version: str | None = Field(examples=[API_VERSION])
    created_at: At = Field(description="When Stripe created the event.")
    received_at: At
    attempts: int = Field(examples=[1])
    error: str | None = Field(examples=[None])
    retry_at: At | None = Field(
        description="When the event is tried again. Null: it is not tried again automatically.", examples=[None]
    )


@router.get("", summary="List Stripe events", responses=responses(401, 403))
async def list_events(
    ctx: Ctx,
    _: Operator,
    page: Paging,
    type_: Annotated[
        str | None,
        Query(alias="type", max_length=100, description="Only events of this type.", examples=["invoice.paid"]),
    ] = None,
    outcome: Annotated[EventOutcome | None, Query(description="Only events with this outcome.")] = None,
) -> ListResponse[Event]:
    """Returns events, the last received first. Filters by type or outcome."""
    async with ctx.pool.acquire() as conn:
        rows, total = await store.list_event_rows(conn, page, type_=type_, outcome=outcome)
    return listed([_event(row) for row in rows], total, page)


@router.get("/{id}", summary="Retrieve a Stripe event", responses=responses(401, 403, 404))
async def get_event(ctx: Ctx, _: Operator, event_id: EventId) -> Event:
    """Returns the event with this id."""
    return await _get(ctx, event_id)


@router.post("/{id}/replay", summary="Replay a Stripe event", responses=responses(401, 403, 404))
async def replay_event(ctx: Ctx, _: Operator, event_id: EventId) -> Event:
    """Handles the event again, with the same code as on arrival, and returns it with the new outcome.

    Effects that already took place are not repeated.
    """
    await _get(ctx, event_id)
    await receive.replay_event(ctx, event_id)
    return await _get(ctx, event_id)


async def _get(ctx: Context, event_id: str) -> Event:
    async with ctx.pool.acquire() as conn:
        row = await store.find_event(conn, event_id)
    if row is None:
        raise NotFound(
            "No stored event has this id. Check it, and that Stripe sent the event after this database was created."
        )
    return _event(row)


def _event(row: asyncpg.Record) -> Event:
    fields = dict(row)
    return Event(id=fields.pop("stripe_event_id"), object_id=fields.pop("stripe_object_id"), **fields)
