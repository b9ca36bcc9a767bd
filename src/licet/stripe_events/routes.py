"""The endpoint that Stripe delivers events to: `POST /api/billing/webhooks`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from licet.errors import DatabaseUnavailable, LicetError
from licet.http.context import Context, Ctx
from licet.http.openapi.document import responses
from licet.http.openapi.operations import RAW_BODY
from licet.http.router import name_of_operation
from licet.http.shapes import ResponseBody
from licet.kit.times import wall_now
from licet.stripe_api.signature import read_header, verify
from licet.stripe_events.event import parse_payload
from licet.stripe_events.receive import EventFailed, receive_event

router = APIRouter(tags=["webhooks"], generate_unique_id_function=name_of_operation)


class Received(ResponseBody):
    """The event is stored, and everything that follows from it is committed."""

    received: Literal[True]


_AS_SENT: dict[str, Any] = {
    RAW_BODY: True,
    "parameters": [
        {
            "name": "Stripe-Signature",
            "in": "header",
            "description": "Timestamp and signatures: https://docs.stripe.com/webhooks#verify-manually.",
            "schema": {"type": "string", "examples": ["t=1795000000,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e7"]},
        }
    ],
    "requestBody": {
        "description": "A Stripe event, exactly as Stripe sends it.",
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object", "title": "StripeEvent", "additionalProperties": True},
                "example": {"id": "evt_1QxYz", "object": "event", "type": "invoice.paid", "data": {"object": {}}},
            }
        },
    },
}


EVENT_WAIT_SECONDS = 8.0
"""How long an event waits for its turn. Stripe gives up on an answer after some 10 s, and sends the event again."""


class EventNotHandled(LicetError):
    """The event is kept as failed. The next delivery, a retry or a replay tries it again."""

    code = "event_not_handled"


@router.post(
    "/api/billing/webhooks",
    summary="Receive a Stripe event",
    response_model=Received,
    responses=responses(
        400,
        invalid_signature=(401, "The signature is missing, made with another secret, or too old."),
        event_not_handled=(500, "The event is kept and will be tried again."),
    ),
    openapi_extra=_AS_SENT,
)
async def receive_stripe_event(request: Request, context: Ctx) -> JSONResponse:
    """Receives an event from Stripe. Nothing else calls this endpoint.

    The signature is checked on the raw body, before it is parsed; without a signature the body is not read. 200 means
    that everything that follows from the event is committed.
    """
    header = request.headers.get("stripe-signature")
    read_header(header)
    raw = await request.body()
    secrets = [secret.get_secret_value() for secret in context.settings.webhook_secrets]
    verify(raw, header, secrets, wall_now())
    payload = parse_payload(raw)
    try:
        async with _event_slot(context):
            await receive_event(context, payload)
    except EventFailed:
        raise EventNotHandled("The event is kept and will be tried again.") from None
    return JSONResponse({"received": True})


@asynccontextmanager
async def _event_slot(context: Context) -> AsyncIterator[None]:
    """Waits until fewer than EVENTS_AT_ONCE events are being handled.

    Raises DatabaseUnavailable after EVENT_WAIT_SECONDS.
    """
    try:
        async with asyncio.timeout(EVENT_WAIT_SECONDS):
            await context.event_slots.acquire()
    except TimeoutError:
        raise DatabaseUnavailable(
            "Other events are still waiting for the database. Send the event again.", retry_after_seconds=5
        ) from None
    try:
        yield
    finally:
        context.event_slots.release()
