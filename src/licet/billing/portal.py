"""Stripe's own portal: `POST /api/billing/portal-session`."""

from fastapi import Response
from pydantic import ConfigDict, Field

from licet.accounts.auth import ActingAccount, Writer
from licet.actions.customer_portal import open_portal
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.router import api_router
from licet.http.shapes import RequestBody, ResponseBody
from licet.idempotency.once import Once

router = api_router("/api/billing", tag="billing")


class PortalSessionRequest(RequestBody):
    """Where the portal leads back to."""

    model_config = ConfigDict(title="PortalSessionRequest")

    return_url: str = Field(examples=["https://example.com/account"])


class PortalSession(ResponseBody):
    """Where the customer goes, within five minutes: make one for each click."""

    model_config = ConfigDict(title="PortalSession")

    url: str = Field(examples=["https://billing.stripe.com/p/session/test_a1b2c3"])


@router.post(
    "/portal-session",
    status_code=201,
    summary="Let the customer into Stripe's portal",
    response_model=PortalSession,
    responses=responses(
        401,
        403,
        404,
        502,
        503,
        account_required=(422, "Name the account to act for."),
        invalid_redirect_url=(
            422,
            "Customers are not sent to this URL; details.field says which one it is.",
            {"field": "returnUrl"},
        ),
    ),
)
async def create_portal_session(
    ctx: Ctx, _: Writer, account_id: ActingAccount, once: Once, asked: PortalSessionRequest
) -> Response:
    """To look after cards, invoices, details, and the end of subscriptions."""
    async with once.attempt(acting_for=account_id) as attempt:
        url = await open_portal(ctx, account_id, asked.return_url)
        return await attempt.answer(ctx.pool, PortalSession(url=url))
