"""An organisation subscribes: `POST /payment/subscription-checkout`, and its buyer's return."""

import secrets
from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import Field, StringConstraints

from licet.accounts.auth import CurrentCaller, Writer
from licet.checkout.actions import open_session, start_checkout
from licet.checkout.core import CartItem
from licet.checkout.returning import CheckoutOutcome, process_return
from licet.checkout.session import PurchaseRequest
from licet.errors import Conflict
from licet.http.context import Context, Ctx
from licet.http.openapi.document import responses
from licet.http.openapi.errors import Failure
from licet.http.rate_limits.admission import limit
from licet.http.request_id import request_id_of
from licet.http.router import api_router
from licet.http.shapes import RequestBody, ResponseBody
from licet.idempotency.once import Once
from licet.kit.cause import Cause
from licet.payments.organizations import ORGANIZATION_NOT_FOUND, Named, find_organization
from licet.payments.returning import CANCELLED, RETURN
from licet.plans.selection import choose
from licet.plans.store import CurrentPlan, find_current_plan

router = api_router("/payment", tag="payment")

StripeIdParam = Annotated[str, StringConstraints(min_length=1, max_length=255)]

_EXISTS: Failure = (
    409,
    "The organisation has a subscription that has not ended: update that one.",
    {"subscriptionId": "sub_1QxYz"},
)

CHOICE: dict[str, Failure] = {
    "invalid_product": (
        422,
        "prod_1QxYz is no plan on sale. GET /payment/subscription-plans lists those.",
        {"productId": "prod_1QxYz"},
    ),
    "invalid_price": (
        422,
        "price_1QxYz is no price on sale of Growth. GET /payment/subscription-plans lists those.",
        {"productId": "prod_1QxYz", "priceId": "price_1QxYz"},
    ),
}
"""What naming a plan and a price can get: for a route's `responses`."""


class PlanCheckoutRequest(RequestBody):
    """Which plan, at which price. Product and price are named by Stripe's ids, the product by ours too."""

    organization_id: Named
    price_id: StripeIdParam = Field(examples=["price_1QxYz"])
    product_id: StripeIdParam = Field(examples=["prod_1QxYz"])
    success_url: str | None = Field(
        None,
        description="Where the buyer goes once it is paid, {CHECKOUT_SESSION_ID} filled in; a page of ours if absent.",
        examples=["https://example.com/welcome?session={CHECKOUT_SESSION_ID}"],
    )
    cancel_url: str | None = Field(
        None,
        description="Where the buyer goes who does not pay; LICET_APP_URL if absent, else a page of ours.",
        examples=["https://example.com/plans"],
    )


class PlanCheckout(ResponseBody):
    """Where the buyer pays."""

    url: str = Field(examples=["https://checkout.stripe.com/c/pay/cs_test_a1b2c3"])


class ProcessedCheckout(ResponseBody):
    """What became of a checkout. Subscription, product and price are Stripe's ids, null unless it was processed."""

    status: CheckoutOutcome = Field(
        description="processed: paid for, and everything is in place. pending: not paid yet, or the payment is still "
        "on its way. failed: the payment did not go through, or was for a second plan and is returned. expired: nobody "
        "paid in time.",
        examples=["processed"],
    )
    subscription_id: str | None = Field(examples=["sub_1QxYz"])
    organization_id: str = Field(
        description="Our id of it, also where you call it by an externalId.",
        examples=["01912d68-783e-7a03-8467-5661c1243ad4"],
    )
    product_id: str | None = Field(examples=["prod_1QxYz"])
    price_id: str | None = Field(examples=["price_1QxYz"])


@router.post(
    "/subscription-checkout",
    summary="Subscribe to a plan",
    response_model=PlanCheckout,
    responses=responses(
        401,
        402,
        403,
        502,
        503,
        **ORGANIZATION_NOT_FOUND,
        subscription_exists=_EXISTS,
        invalid_redirect_url=(
            422,
            "Buyers are not sent to this URL; details.field says which one it is.",
            {"field": "successUrl"},
        ),
        **CHOICE,
    ),
)
async def subscribe(ctx: Ctx, caller: CurrentCaller, _: Writer, once: Once, asked: PlanCheckoutRequest) -> Response:
    """Makes a hosted checkout page for one plan. Two of them that are both paid make one subscription all the same."""
    organization = await find_organization(ctx, caller, asked.organization_id)
    async with once.attempt(acting_for=organization) as attempt:
        async with ctx.pool.acquire() as conn:
            current = await find_current_plan(conn, organization)
            if current is not None:
                raise _subscription_exists(current)
            chosen = await choose(conn, asked.product_id, asked.price_id, None)
        item = CartItem(str(chosen.plan.product_id), 1, chosen.price.place.stripe_price_id)
        opened = await open_session(ctx, organization, _wish(ctx, asked, item), attempt.id)
        async with ctx.pool.acquire() as conn, conn.transaction():
            started = await start_checkout(conn, opened)
            return await attempt.answer(conn, PlanCheckout(url=started.url))


def _subscription_exists(current: CurrentPlan) -> Conflict:
    return Conflict(
        "The organisation has a subscription that has not ended: POST /payment/subscription-update changes it.",
        code="subscription_exists",
        details={"subscriptionId": current.stripe_subscription_id},
    )


def _wish(ctx: Context, asked: PlanCheckoutRequest, item: CartItem) -> PurchaseRequest:
    secret = secrets.token_urlsafe(32)
    ours = ctx.settings.public_url or ""
    return PurchaseRequest(
        items=[item],
        success_url=f"{ours}{RETURN}?secret={secret}" if asked.success_url is None else asked.success_url,
        cancel_url=(ctx.settings.app_url or f"{ours}{CANCELLED}") if asked.cancel_url is None else asked.cancel_url,
        one_plan=True,
        secret=secret if asked.success_url is None else None,
        trusted_fields=frozenset(
            name
            for name, given in (("successUrl", asked.success_url), ("cancelUrl", asked.cancel_url))
            if given is None
        ),
    )


@router.post(
    "/subscription-process",
    summary="What became of a checkout, now",
    responses=responses(502, 503, checkout_not_found=(404, "There is no such checkout.")),
)
async def process_checkout(
    request: Request,
    ctx: Ctx,
    secret: Annotated[
        str,
        Query(
            min_length=1,
            max_length=255,
            description="The checkout session's id, or the token in our own return address. No key is needed.",
            examples=["cs_test_a1b2c3"],
        ),
    ],
) -> ProcessedCheckout:
    """Does what the webhook would do, if that has not come yet: the page after payment need not wait for it."""
    await limit(request, "process", secret)
    found = await process_return(ctx, secret, Cause("api_call", request_id_of(request), "the buyer came back"))
    return ProcessedCheckout(
        status=found.outcome,
        subscription_id=found.stripe_subscription_id,
        organization_id=str(found.account_id),
        product_id=found.stripe_product_id,
        price_id=found.stripe_price_id,
    )
