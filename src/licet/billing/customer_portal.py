"""Creates sessions of Stripe's customer portal: `POST /api/billing/portal-session`."""

from fastapi import Response
from pydantic import Field

from licet.accounts.auth import ActingAccount, Writer
from licet.actions.customer_portal import open_portal
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.router import api_router
from licet.http.shapes import RequestBody, ResponseBody
from licet.idempotency.once import Once

router = api_router("/api/billing", tag="billing")


class PortalSessionRequest(RequestBody):
    """The URL that the portal links back to."""

    return_url: str = Field(examples=["https://example.com/account"])


class PortalSession(ResponseBody):
    """The portal session's URL. It is valid for five minutes: create one for each click."""

    url: str = Field(examples=["https://billing.stripe.com/p/session/test_a1b2c3"])


@router.post(
    "/portal-session",
    status_code=201,
    summary="Create a customer portal session",
    response_model=PortalSession,
    responses=responses(
        401,
        403,
        404,
        502,
        503,
        account_required=(422, "Name the account with ?accountId=."),
        invalid_redirect_url=(
            422,
            "Customers cannot be sent to this URL; details.field names it.",
            {"field": "returnUrl"},
        ),
    ),
)
async def create_portal_session(
    ctx: Ctx, _: Writer, account_id: ActingAccount, once: Once, body: PortalSessionRequest
) -> Response:
    """Creates a session of Stripe's customer portal: cards, invoices, details and cancellation."""
    async with once.attempt(acting_for=account_id) as attempt:
        url = await open_portal(ctx, account_id, body.return_url)
        return await attempt.answer(ctx.pool, PortalSession(url=url))
