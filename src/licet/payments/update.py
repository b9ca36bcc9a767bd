"""Changes an organisation's plan: `/payment/subscription-update`, `-preview` and `-cancel`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from fastapi import Request
from pydantic import Field

from licet.accounts.auth import CurrentCaller, Writer
from licet.actions.plans.change import change_plan
from licet.actions.plans.current import PlanChange, PlanChangeOutcome, get_current_plan
from licet.actions.plans.downgrade import PRICE_ARCHIVED
from licet.actions.plans.overdue import PAYMENT_OVERDUE
from licet.actions.plans.paused import PAUSED
from licet.actions.plans.preview import preview
from licet.actions.subscriptions import cancel
from licet.actions.subscriptions.lock import CHANGING
from licet.errors import StripeRefused
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.openapi.errors import ErrorExample
from licet.http.request_id import request_id_of
from licet.http.router import api_router
from licet.http.shapes import EXAMPLE_ID, At, RequestBody, ResponseBody
from licet.kit.cause import Cause
from licet.kit.ids import as_id
from licet.payments.checkout import PLAN_CHOICE_ERRORS, StripeIdParam
from licet.payments.organizations import ORGANIZATION_NOT_FOUND, OrganizationId, find_organization
from licet.plans.selection import Chosen, choose
from licet.plans.store import find_current_plan

router = api_router("/payment", tag="payment")

_NO_SUBSCRIPTION = {"no_subscription": (404, "The organisation has no subscription to a plan.")}
_CURRENCIES: dict[str, ErrorExample] = {
    "mixed_currencies": (
        422,
        "The subscription is paid in usd and price_1QxYz is in eur. Stripe cannot change a subscription's currency.",
        {"priceId": "price_1QxYz"},
    )
}


class PlanRequest(RequestBody):
    """The plan and price to change to. Both ids are Stripe's; `productId` may also be Licet's id."""

    organization_id: OrganizationId
    price_id: StripeIdParam = Field(examples=["price_1QxYz"])
    product_id: StripeIdParam = Field(examples=["prod_1QxYz"])


class PlanUpdateRequest(PlanRequest):
    """A change of plan. With `quoteId`, the amount of that preview is charged, or nothing changes."""

    quote_id: StripeIdParam | None = Field(
        None,
        description="From a preview of the same change. Without it, the cost at the time of the request is charged.",
        examples=[EXAMPLE_ID],
    )


class PlanCancellationRequest(RequestBody):
    """A cancellation, at the end of the period by default."""

    organization_id: OrganizationId
    immediately: bool = Field(
        False, description="true: cancel now, without a refund. false: cancel at the end of the paid period."
    )


class PlanUpdate(ResponseBody):
    """The result of a change of plan. Subscription, product and price are Stripe's ids."""

    status: PlanChangeOutcome = Field(
        description="updated: the change took effect. scheduled: it takes effect at effectiveAt. unchanged: the "
        "organisation already has this plan.",
        examples=["updated"],
    )
    subscription_id: str = Field(examples=["sub_1QxYz"])
    product_id: str = Field(examples=["prod_1QxYz"])
    price_id: str = Field(examples=["price_1QxYz"])
    effective_at: At = Field(
        description="When the change took effect or will. Store it with priceId if status is scheduled: no other call "
        "returns a scheduled change."
    )
    proration_amount: int = Field(
        description="The amount charged now, in the currency's minor unit; 0 if nothing is charged.", examples=[7000]
    )
    currency: str = Field(examples=["usd"])


class PlanPreview(PlanUpdate):
    """The response that the update would give, and a quote for its amount."""

    quote_id: str = Field(examples=[EXAMPLE_ID])
    expires_at: At = Field(description="When the quote expires, 15 minutes after it was made.")


class EmptyResponse(ResponseBody):
    """An empty object."""


@router.post(
    "/subscription-update",
    summary="Change the plan",
    responses=responses(
        401,
        402,
        403,
        502,
        503,
        **ORGANIZATION_NOT_FOUND,
        **_NO_SUBSCRIPTION,
        **PLAN_CHOICE_ERRORS,
        **_CURRENCIES,
        **CHANGING,
        **PAYMENT_OVERDUE,
        **PAUSED,
        **PRICE_ARCHIVED,
        quote_expired=(409, "The quote has expired, or the amount to charge has changed. Request a new preview."),
    ),
)
async def update_subscription(
    request: Request, ctx: Ctx, caller: CurrentCaller, _: Writer, body: PlanUpdateRequest
) -> PlanUpdate:
    """Changes the plan: an upgrade immediately, with a charge; a downgrade at the end of the period.

    If the card is declined (402), the plan does not change. Overdue invoices are paid before an upgrade and are part of
    `prorationAmount`. If the current period was refunded in full, an immediate change starts a new period at the full
    price. A change removes a scheduled cancellation and replaces another scheduled change. During a trial, every change
    takes effect immediately and costs nothing.
    """
    organization = await find_organization(ctx, caller, body.organization_id)
    chosen = await _choose_plan(ctx, organization, body)
    cause = Cause("api_call", request_id_of(request), "the plan changed")
    quote_id = None
    if body.quote_id is not None:
        # A malformed id is answered like an unknown quote: quote_expired.
        quote_id = as_id(body.quote_id) or UUID(int=0)
    async with _check_still_on_sale(ctx, organization, body):
        result = await change_plan(ctx, organization, chosen, cause, quote_id)
    return PlanUpdate.model_validate(_fields(chosen, result))


@router.post(
    "/subscription-preview",
    summary="Preview a change of plan",
    responses=responses(
        401,
        403,
        502,
        503,
        **ORGANIZATION_NOT_FOUND,
        **_NO_SUBSCRIPTION,
        **PLAN_CHOICE_ERRORS,
        **_CURRENCIES,
        **CHANGING,
        **PAYMENT_OVERDUE,
        **PAUSED,
    ),
)
async def preview_update(
    request: Request, ctx: Ctx, caller: CurrentCaller, _: Writer, body: PlanRequest
) -> PlanPreview:
    """Returns what a change would cost. Nothing is changed or charged.

    The quote is valid for 15 minutes. The status `scheduled` follows from the catalogue alone. The update may still
    fail with `price_archived` if Stripe does not allow the change to be scheduled.
    """
    organization = await find_organization(ctx, caller, body.organization_id)
    chosen = await _choose_plan(ctx, organization, body)
    cause = Cause("api_call", request_id_of(request), "a change of plan previewed")
    async with _check_still_on_sale(ctx, organization, body):
        result, quote = await preview(ctx, organization, chosen, cause)
    return PlanPreview.model_validate(
        {**_fields(chosen, result), "quote_id": str(quote.id), "expires_at": quote.expires_at}
    )


@router.post(
    "/subscription-cancel",
    summary="Cancel the subscription",
    responses=responses(401, 403, 502, 503, **ORGANIZATION_NOT_FOUND, **_NO_SUBSCRIPTION, **CHANGING),
)
async def cancel_plan(
    request: Request, ctx: Ctx, caller: CurrentCaller, _: Writer, body: PlanCancellationRequest
) -> EmptyResponse:
    """Cancels at the end of the paid period, or immediately without a refund."""
    organization = await find_organization(ctx, caller, body.organization_id)
    plan = await get_current_plan(ctx, organization)
    cause = Cause("api_call", request_id_of(request), "the plan cancelled")
    cancel_plan_subscription = cancel.cancel_now if body.immediately else cancel.cancel_at_period_end
    await cancel_plan_subscription(ctx, organization, plan.stripe_subscription_id, cause)
    return EmptyResponse()


async def _choose_plan(ctx: Ctx, organization: UUID, body: PlanRequest) -> Chosen:
    async with ctx.pool.acquire() as conn:
        current = await find_current_plan(conn, organization)
        return await choose(conn, body.product_id, body.price_id, current)


@asynccontextmanager
async def _check_still_on_sale(ctx: Ctx, organization: UUID, body: PlanRequest) -> AsyncIterator[None]:
    """Checks the price again if Stripe refuses the change.

    Raises invalid_price if it is no longer on sale. An archived price is accepted only while the organisation pays it,
    and its plan may have changed meanwhile.
    """
    try:
        yield
    except StripeRefused:
        await _choose_plan(ctx, organization, body)
        raise


def _fields(chosen: Chosen, result: PlanChange) -> dict[str, object]:
    return {
        "status": result.outcome,
        "subscription_id": result.stripe_subscription_id,
        "product_id": chosen.plan.stripe_product_id,
        "price_id": chosen.price.place.stripe_price_id,
        "effective_at": result.effective_at,
        "proration_amount": result.amount,
        "currency": result.currency,
    }
