"""Operators see what Stripe sent, and have it handled again: `/api/admin/events`."""

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
from licet.stripe_events.receive import replay_event as handle_again

router = api_router("/api/admin/events", tag="operators")

Outcome = Literal["applied", "stale", "ignored", "waiting", "failed"]
EventId = Annotated[str, Path(alias="id", description="Stripe's id of it.", examples=["evt_1QxYz"])]


class Event(ResponseBody):
    """An event as received, without its payload."""

    id: str = Field(examples=["evt_1QxYz"])
    type: str = Field(examples=["invoice.paid"])
    outcome: Outcome
    reason: str | None = Field(description="Why it is ignored, stale or waiting.", examples=[None])
    object_id: str | None = Field(examples=["in_1QxYz"])
    account_id: UUID | None
    api_version: str | None = Field(examples=[API_VERSION])
    created_at: At = Field(description="When Stripe made it.")
    received_at: At
    attempts: int = Field(examples=[1])
    error: str | None = Field(examples=[None])
    retry_at: At | None = Field(description="When it is tried again; null: not by itself.", examples=[None])


@router.get("", summary="The events, the last received first", responses=responses(401, 403))
async def list_events(
    ctx: Ctx,
    _: Operator,
    page: Paging,
    type_: Annotated[
        str | None, Query(alias="type", max_length=100, description="Those of this type.", examples=["invoice.paid"])
    ] = None,
    outcome: Annotated[Outcome | None, Query(description="Those that ended so.")] = None,
) -> ListResponse[Event]:
    """Also by type or outcome."""
    async with ctx.pool.acquire() as conn:
        rows, total = await store.list_events(conn, page, type_=type_, outcome=outcome)
    return listed([_shown(row) for row in rows], total, page)


@router.get("/{id}", summary="One event", responses=responses(401, 403, 404))
async def get_event(ctx: Ctx, _: Operator, event_id: EventId) -> Event:
    """By Stripe's id."""
    return await _get(ctx, event_id)


@router.post("/{id}/replay", summary="Handle an event again", responses=responses(401, 403, 404))
async def replay_event(ctx: Ctx, _: Operator, event_id: EventId) -> Event:
    """By the very same way as when it came; what was done already is found done. Answers with the new outcome."""
    await _get(ctx, event_id)
    await handle_again(ctx, event_id)
    return await _get(ctx, event_id)


async def _get(ctx: Context, event_id: str) -> Event:
    async with ctx.pool.acquire() as conn:
        row = await store.find_event(conn, event_id)
    if row is None:
        raise NotFound("There is no such event. What Stripe sent longer ago than this database exists is not in it.")
    return _shown(row)


def _shown(row: asyncpg.Record) -> Event:
    fields = dict(row)
    return Event(id=fields.pop("stripe_event_id"), object_id=fields.pop("stripe_object_id"), **fields)
