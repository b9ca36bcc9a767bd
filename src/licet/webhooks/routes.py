"""Where Stripe delivers: `POST /api/billing/webhooks`."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from licet.errors import LicetError
from licet.http.context import Ctx
from licet.http.openapi import responses
from licet.kit.times import wall_now
from licet.stripe_api.signature import verify
from licet.webhooks.actions import EventFailed, receive_event
from licet.webhooks.payload import parse

router = APIRouter(tags=["webhooks"])


class EventNotHandled(LicetError):
    """The event is kept as failed; Stripe's next delivery, our own retry or an operator's replay tries it again."""

    code = "event_not_handled"


@router.post("/api/billing/webhooks", responses=responses(400, 401, 413, 500))
async def receive(request: Request, context: Ctx) -> JSONResponse:
    """Take one event from Stripe.

    The signature is checked on the raw body, before it is parsed. 200 means that all that follows is committed.
    """
    raw = await request.body()
    secrets = [secret.get_secret_value() for secret in context.settings.webhook_secrets]
    verify(raw, request.headers.get("stripe-signature"), secrets, wall_now())
    try:
        await receive_event(context, parse(raw))
    except EventFailed:
        raise EventNotHandled("The event is kept and will be tried again.") from None
    return JSONResponse({"received": True})
