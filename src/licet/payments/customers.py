"""The customer of an organisation: `GET /payment/customer-info` and `POST /payment/customer-portal`."""

from typing import Any

from fastapi import Response
from pydantic import Field

from licet.accounts.auth import CurrentCaller, Reader, Writer
from licet.actions.customer_portal import open_portal
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.router import api_router
from licet.http.shapes import At, RequestBody, ResponseBody
from licet.idempotency.once import Once
from licet.payment_methods.store import list_methods
from licet.payments.organizations import (
    ORGANIZATION_NOT_FOUND,
    Organization,
    OrganizationId,
    find_organization,
    organization_not_found,
)
from licet.payments.return_pages import PORTAL_CLOSED_PATH
from licet.payments.store import find_billing_customer
from licet.plans.store import find_current_plan

router = api_router("/payment", tag="payment")


class Customer(ResponseBody):
    """The customer, its default card and its subscription. Missing values are null. Ids are Stripe's."""

    customer_id: str | None = Field(examples=["cus_QxYz"])
    email: str | None = Field(examples=["billing@acme.example"])
    name: str | None = Field(examples=["Acme"])
    address: dict[str, Any] | None = Field(
        description="Stripe's address: line1, line2, city, state, postal_code, country.",
        examples=[{"line1": "1 Main St", "line2": None, "city": "Springfield", "state": None, "postal_code": "12345",
                   "country": "US"}],
    )  # fmt: skip
    default_card_brand: str | None = Field(
        description="Brand of the subscription's default card, else of the customer's.", examples=["visa"]
    )
    default_card_last4: str | None = Field(examples=["4242"])
    active_product_id: str | None = Field(examples=["prod_1QxYz"])
    active_price_id: str | None = Field(examples=["price_1QxYz"])
    subscription_status: str | None = Field(
        description="Stripe's status of a subscription that has not ended: trialing, active, past_due (a renewal "
        "failed and is retried), unpaid, paused or incomplete. Use GET /api/entitlements to decide on access.",
        examples=["active"],
    )
    current_period_end: At | None = Field(
        description="When the current period or trial ends. The subscription then renews, unless cancelAtPeriodEnd."
    )
    cancel_at_period_end: bool | None = Field(
        description="True if the end is scheduled, in whatever way; null without a subscription.", examples=[False]
    )


class CustomerPortalRequest(RequestBody):
    """The organisation, and the URL to return to."""

    organization_id: OrganizationId
    return_url: str | None = Field(
        None,
        description="URL that the portal links back to. Default: LICET_APP_URL, else Licet's own page.",
        examples=["https://example.com/account"],
    )


class CustomerPortal(ResponseBody):
    """The portal session's URL. It is valid for five minutes: create one for each click."""

    url: str = Field(examples=["https://billing.stripe.com/p/session/test_a1b2c3"])


@router.get(
    "/customer-info",
    summary="Retrieve the customer",
    responses=responses(401, 403, **ORGANIZATION_NOT_FOUND),
)
async def get_customer_info(ctx: Ctx, _: Reader, organization: Organization) -> Customer:
    """Returns the customer from Licet's database. Works while Stripe is unavailable."""
    async with ctx.pool.acquire() as conn:
        customer = await find_billing_customer(conn, organization)
        if customer is None:
            # The account was merged into another one after it was looked up.
            raise organization_not_found()
        card = next((method for method in await list_methods(conn, organization) if method.is_default), None)
        plan = await find_current_plan(conn, organization)
    return Customer(
        customer_id=customer["stripe_customer_id"],
        email=customer["email"],
        name=customer["name"],
        address=customer["address"],
        default_card_brand=card.brand if card else None,
        default_card_last4=card.last4 if card else None,
        active_product_id=plan.stripe_product_id if plan else None,
        active_price_id=plan.place.stripe_price_id if plan else None,
        subscription_status=plan.status if plan else None,
        current_period_end=plan.period_end_at if plan else None,
        cancel_at_period_end=plan.is_scheduled_to_cancel if plan else None,
    )


@router.post(
    "/customer-portal",
    summary="Create a customer portal session",
    response_model=CustomerPortal,
    responses=responses(
        401,
        403,
        502,
        503,
        **ORGANIZATION_NOT_FOUND,
        invalid_redirect_url=(
            422,
            "Customers cannot be sent to this URL; details.field names it.",
            {"field": "returnUrl"},
        ),
    ),
)
async def open_customer_portal(
    ctx: Ctx, caller: CurrentCaller, _: Writer, once: Once, body: CustomerPortalRequest
) -> Response:
    """Creates a session of Stripe's customer portal: cards, invoices, details and cancellation.

    Create one for each click, without an Idempotency-Key: a session is valid for five minutes, and a replayed response
    may be older.
    """
    organization = await find_organization(ctx, caller, body.organization_id)
    async with once.attempt(acting_for=organization) as attempt:
        default_url = ctx.settings.app_url or f"{ctx.settings.public_url or ''}{PORTAL_CLOSED_PATH}"
        return_url = default_url if body.return_url is None else body.return_url
        url = await open_portal(ctx, organization, return_url, checked=body.return_url is None)
        return await attempt.answer(ctx.pool, CustomerPortal(url=url))
