"""Who pays for an organisation: `GET /payment/customer-info` and `POST /payment/customer-portal`."""

from typing import Any
from uuid import UUID

import asyncpg
from fastapi import Response
from pydantic import Field

from licet.accounts.auth import CurrentCaller, Reader, Writer
from licet.actions.customer_portal import open_portal
from licet.db.connection import Connection
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.router import api_router
from licet.http.shapes import At, RequestBody, ResponseBody
from licet.idempotency.once import Once
from licet.payment_methods.store import list_methods
from licet.payments.organizations import ORGANIZATION_NOT_FOUND, Named, Organization, find_organization, no_organization
from licet.payments.returning import CLOSED
from licet.plans.store import find_current_plan

router = api_router("/payment", tag="payment")


class Customer(ResponseBody):
    """Who pays, with what, and for what. Null is what there is not (yet). Ids are Stripe's."""

    customer_id: str | None = Field(examples=["cus_QxYz"])
    email: str | None = Field(examples=["billing@acme.example"])
    name: str | None = Field(examples=["Acme"])
    address: dict[str, Any] | None = Field(
        description="As Stripe has it: line1, line2, city, state, postal_code, country.",
        examples=[{"line1": "1 Main St", "line2": None, "city": "Springfield", "state": None, "postal_code": "12345",
                   "country": "US"}],
    )  # fmt: skip
    default_card_brand: str | None = Field(
        description="Of the subscription's default payment method, else of the customer's.", examples=["visa"]
    )
    default_card_last4: str | None = Field(examples=["4242"])
    active_product_id: str | None = Field(examples=["prod_1QxYz"])
    active_price_id: str | None = Field(examples=["price_1QxYz"])
    subscription_status: str | None = Field(
        description="Stripe's, of a subscription that has not ended: trialing, active, past_due (a renewal failed and "
        "is tried again), unpaid, paused or incomplete. Whether the plan may be used, GET /api/entitlements says.",
        examples=["active"],
    )
    current_period_end: At | None = Field(
        description="When the period, or the trial, ends: then it renews, unless cancelAtPeriodEnd."
    )
    cancel_at_period_end: bool | None = Field(
        description="True for any scheduled end; null without a subscription.", examples=[False]
    )


class CustomerPortalRequest(RequestBody):
    """For whom, and where to go afterwards."""

    organization_id: Named
    return_url: str | None = Field(
        None,
        description="Where the portal leads back to; LICET_APP_URL if absent, else a page of ours.",
        examples=["https://example.com/account"],
    )


class CustomerPortal(ResponseBody):
    """Where the customer goes, within five minutes: make one for each click."""

    url: str = Field(examples=["https://billing.stripe.com/p/session/test_a1b2c3"])


@router.get(
    "/customer-info",
    summary="Who pays, with what, and for what",
    responses=responses(401, 403, **ORGANIZATION_NOT_FOUND),
)
async def get_customer_info(ctx: Ctx, _: Reader, organization: Organization) -> Customer:
    """From our own mirror: it is there when Stripe is not."""
    async with ctx.pool.acquire() as conn:
        customer = await _customer(conn, organization)
        card = next((one for one in await list_methods(conn, organization) if one.is_default), None)
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
    summary="Let the customer into Stripe's portal",
    response_model=CustomerPortal,
    responses=responses(
        401,
        403,
        502,
        503,
        **ORGANIZATION_NOT_FOUND,
        invalid_redirect_url=(
            422,
            "Customers are not sent to this URL; details.field says which one it is.",
            {"field": "returnUrl"},
        ),
    ),
)
async def open_customer_portal(
    ctx: Ctx, caller: CurrentCaller, _: Writer, once: Once, asked: CustomerPortalRequest
) -> Response:
    """To look after cards, invoices, details, and the end of the subscription.

    A link for each click, without an Idempotency-Key: it lives for five minutes, and a replayed answer may be older.
    """
    organization = await find_organization(ctx, caller, asked.organization_id)
    async with once.attempt(acting_for=organization) as attempt:
        ours = ctx.settings.app_url or f"{ctx.settings.public_url or ''}{CLOSED}"
        given = asked.return_url
        url = await open_portal(ctx, organization, ours if given is None else given, checked=given is None)
        return await attempt.answer(ctx.pool, CustomerPortal(url=url))


async def _customer(conn: Connection, account_id: UUID) -> asyncpg.Record:
    """The customer as Stripe has it; of one that has bought nothing yet, what the account says itself."""
    row = await conn.fetchrow(
        """
        SELECT account.stripe_customer_id, coalesce(customer.email, account.email) AS email,
               coalesce(customer.name, account.name) AS name, customer.address
        FROM accounts AS account LEFT JOIN customers AS customer USING (stripe_customer_id)
        WHERE account.id = $1
        """,
        account_id,
    )
    if row is None:
        # It has turned out to be another account's customer since it was found, and went along.
        raise no_organization()
    return row
