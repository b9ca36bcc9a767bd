"""Subscribes an organisation: `/payment/subscription-checkout` and `/payment/subscription-process`."""

import secrets
from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import Field, StringConstraints

from licet.accounts.auth import CurrentCaller, Writer
from licet.checkout.actions import CURRENCY_CONFLICT_ERROR, open_session, start_checkout
from licet.checkout.core import CartItem
from licet.checkout.returning import CheckoutOutcome, process_return
from licet.checkout.session import PurchaseRequest
from licet.errors import Conflict
from licet.http.context import Context, Ctx
from licet.http.openapi.document import responses
from licet.http.openapi.errors import ErrorExample
from licet.http.rate_limits.admission import limit
from licet.http.request_id import request_id_of
from licet.http.router import api_router
from licet.http.shapes import RequestBody, ResponseBody
from licet.idempotency.once import Once
from licet.kit.cause import Cause
from licet.payments.organizations import ORGANIZATION_NOT_FOUND, OrganizationId, find_organization
from licet.payments.return_pages import CANCELLED_PATH, RETURN_PATH
from licet.plans.selection import choose
from licet.plans.store import CurrentPlan, find_current_plan

router = api_router("/payment", tag="payment")

StripeIdParam = Annotated[str, StringConstraints(min_length=1, max_length=255)]

_SUBSCRIPTION_EXISTS = "The organisation already has a subscription. Change it with POST /payment/subscription-update."
_SUBSCRIPTION_EXISTS_ERROR: ErrorExample = (
    409,
    _SUBSCRIPTION_EXISTS,
    {"subscriptionId": "sub_1QxYz"},
)

PLAN_CHOICE_ERRORS: dict[str, ErrorExample] = {
    "invalid_product": (
        422,
        "prod_1QxYz is not a plan on sale. GET /payment/subscription-plans lists the plans.",
        {"productId": "prod_1QxYz"},
    ),
    "invalid_price": (
        422,
        "price_1QxYz is not a price of Growth on sale. GET /payment/subscription-plans lists the prices.",
        {"productId": "prod_1QxYz", "priceId": "price_1QxYz"},
    ),
}
"""Errors of a route that takes a plan and a price, for its `responses`."""


class PlanCheckoutRequest(RequestBody):
    """The plan and price to subscribe to. Both ids are Stripe's; `productId` may also be Licet's id."""

    organization_id: OrganizationId
    price_id: StripeIdParam = Field(examples=["price_1QxYz"])
    product_id: StripeIdParam = Field(examples=["prod_1QxYz"])
    success_url: str | None = Field(
        None,
        description="URL for the buyer after payment. {CHECKOUT_SESSION_ID} in it becomes the session's id. "
        "Default: Licet's own page.",
        examples=["https://example.com/welcome?session={CHECKOUT_SESSION_ID}"],
    )
    cancel_url: str | None = Field(
        None,
        description="URL for a buyer who leaves without paying. Default: LICET_APP_URL, else Licet's own page.",
        examples=["https://example.com/plans"],
    )


class PlanCheckout(ResponseBody):
    """The hosted payment page to send the buyer to."""

    url: str = Field(examples=["https://checkout.stripe.com/c/pay/cs_test_a1b2c3"])


class ProcessedCheckout(ResponseBody):
    """The outcome of a checkout. The ids of Stripe's objects are null unless it is processed."""

    status: CheckoutOutcome = Field(
        description="processed: paid, and the plan or license is active. pending: not paid yet, or the payment is "
        "still being processed. failed: the payment failed, or it was for a duplicate plan and is being refunded. "
        "expired: the buyer did not pay in time.",
        examples=["processed"],
    )
    subscription_id: str | None = Field(examples=["sub_1QxYz"])
    organization_id: str = Field(
        description="Licet's id of the organisation, never its externalId.",
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
        subscription_exists=_SUBSCRIPTION_EXISTS_ERROR,
        currency_conflict=CURRENCY_CONFLICT_ERROR,
        invalid_redirect_url=(
            422,
            "Buyers cannot be sent to this URL; details.field names it.",
            {"field": "successUrl"},
        ),
        **PLAN_CHOICE_ERRORS,
    ),
)
async def subscribe(ctx: Ctx, caller: CurrentCaller, _: Writer, once: Once, body: PlanCheckoutRequest) -> Response:
    """Creates a hosted payment page for one plan. If two pages are paid, the second payment is refunded."""
    organization = await find_organization(ctx, caller, body.organization_id)
    async with once.attempt(acting_for=organization) as attempt:
        async with ctx.pool.acquire() as conn:
            current = await find_current_plan(conn, organization)
            if current is not None:
                raise _subscription_exists(current)
            chosen = await choose(conn, body.product_id, body.price_id, None)
        item = CartItem(str(chosen.plan.product_id), 1, chosen.price.place.stripe_price_id)
        opened = await open_session(ctx, organization, _purchase(ctx, body, item), attempt.id)
        async with ctx.pool.acquire() as conn, conn.transaction():
            started = await start_checkout(conn, opened)
            return await attempt.answer(conn, PlanCheckout(url=started.url))


def _subscription_exists(current: CurrentPlan) -> Conflict:
    return Conflict(
        _SUBSCRIPTION_EXISTS,
        code="subscription_exists",
        details={"subscriptionId": current.stripe_subscription_id},
    )


def _purchase(ctx: Context, body: PlanCheckoutRequest, item: CartItem) -> PurchaseRequest:
    secret = secrets.token_urlsafe(32)
    public_url = ctx.settings.public_url or ""
    default_success_url = f"{public_url}{RETURN_PATH}?secret={secret}"
    default_cancel_url = ctx.settings.app_url or f"{public_url}{CANCELLED_PATH}"
    return PurchaseRequest(
        items=[item],
        success_url=default_success_url if body.success_url is None else body.success_url,
        cancel_url=default_cancel_url if body.cancel_url is None else body.cancel_url,
        one_plan=True,
        secret=secret if body.success_url is None else None,
        trusted_fields=frozenset(
            field for field, url in (("successUrl", body.success_url), ("cancelUrl", body.cancel_url)) if url is None
        ),
    )


@router.post(
    "/subscription-process",
    summary="Process a checkout",
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
            description="The checkout session's id, or the secret of Licet's return page. No API key is needed.",
            examples=["cs_test_a1b2c3"],
        ),
    ],
) -> ProcessedCheckout:
    """Returns the outcome of a checkout. Does the work of Stripe's event if that has not arrived yet."""
    await limit(request, "process", secret, from_any_address=True)
    checkout = await process_return(
        ctx, secret, Cause("api_call", request_id_of(request), "the buyer returned from checkout")
    )
    return ProcessedCheckout(
        status=checkout.outcome,
        subscription_id=checkout.stripe_subscription_id,
        organization_id=str(checkout.account_id),
        product_id=checkout.stripe_product_id,
        price_id=checkout.stripe_price_id,
    )
