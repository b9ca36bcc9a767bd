"""An organisation changes its plan: `/payment/subscription-update`, `-preview` and `-cancel`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from fastapi import Request
from pydantic import Field

from licet.accounts.auth import CurrentCaller, Writer
from licet.actions.plans.change import change_plan
from licet.actions.plans.current import Changed, Outcome, get_current_plan
from licet.actions.plans.downgrade import PRICE_ARCHIVED
from licet.actions.plans.overdue import PAYMENT_OVERDUE
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
from licet.payments.checkout import CHOICE, StripeIdParam
from licet.payments.organizations import ORGANIZATION_NOT_FOUND, Named, find_organization
from licet.plans.selection import Chosen, choose
from licet.plans.store import find_current_plan

router = api_router("/payment", tag="payment")

_NO_SUBSCRIPTION = {"no_subscription": (404, "The organisation has no subscription that has not ended.")}
_CURRENCIES: dict[str, ErrorExample] = {
    "mixed_currencies": (
        422,
        "The subscription is paid in usd, and price_1QxYz is in eur: Stripe changes no currency.",
        {"priceId": "price_1QxYz"},
    )
}


class PlanRequest(RequestBody):
    """Which plan, at which price. Product and price are named by Stripe's ids, the product by ours too."""

    organization_id: Named
    price_id: StripeIdParam = Field(examples=["price_1QxYz"])
    product_id: StripeIdParam = Field(examples=["prod_1QxYz"])


class PlanUpdateRequest(PlanRequest):
    """`quoteId` of a preview: then exactly what that said is charged, or nothing changes."""

    quote_id: StripeIdParam | None = Field(
        None,
        description="Of a preview of this very change. Without it, what the change costs at this moment is charged.",
        examples=[EXAMPLE_ID],
    )


class PlanCancellationRequest(RequestBody):
    """At the period's end, unless it is to be at once."""

    organization_id: Named
    immediately: bool = Field(
        False, description="True ends it now, with no refund; false when the period that is paid for ends."
    )


class PlanUpdate(ResponseBody):
    """What came of a change. Subscription, product and price are Stripe's ids."""

    status: Outcome = Field(
        description="updated: it took effect. scheduled: it will, at effectiveAt. unchanged: the plan is what it was.",
        examples=["updated"],
    )
    subscription_id: str = Field(examples=["sub_1QxYz"])
    product_id: str = Field(examples=["prod_1QxYz"])
    price_id: str = Field(examples=["price_1QxYz"])
    effective_at: At = Field(
        description="When it took effect, or will. Keep it with priceId where it is scheduled: no other call says what "
        "waits."
    )
    proration_amount: int = Field(
        description="What is charged now, in the currency's minor unit; 0 where nothing is.", examples=[7000]
    )
    currency: str = Field(examples=["usd"])


class PlanPreview(PlanUpdate):
    """What the same update would answer, and the quote that holds it to that."""

    quote_id: str = Field(examples=[EXAMPLE_ID])
    expires_at: At = Field(description="Until when quoteId holds: a quarter of an hour.")


class EmptyResponse(ResponseBody):
    """Nothing more to say."""


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
        **CHOICE,
        **_CURRENCIES,
        **CHANGING,
        **PAYMENT_OVERDUE,
        **PRICE_ARCHIVED,
        quote_expired=(409, "The quote has expired, or what it was reckoned from has changed. Ask anew."),
    ),
)
async def update_subscription(
    request: Request, ctx: Ctx, caller: CurrentCaller, _: Writer, asked: PlanUpdateRequest
) -> PlanUpdate:
    """Up at once and paid at once (402 where the card is declined: the plan is what it was); down at the period's end.

    What is overdue is paid before a change up, and is part of `prorationAmount`. Where the period was refunded in full,
    a change at once begins another, for the whole of the new price.
    A scheduled cancellation is taken back, and another change that waits is dropped. In a trial every change takes
    effect at once and costs nothing.
    """
    organization = await find_organization(ctx, caller, asked.organization_id)
    chosen = await _chosen(ctx, organization, asked)
    cause = Cause("api_call", request_id_of(request), "the plan changed")
    quote_id = None
    if asked.quote_id is not None:
        # What can be no quote's id is of none that holds.
        quote_id = as_id(asked.quote_id) or UUID(int=0)
    async with _still_offered(ctx, organization, asked):
        changed = await change_plan(ctx, organization, chosen, cause, quote_id)
    return PlanUpdate.model_validate(_fields(chosen, changed))


@router.post(
    "/subscription-preview",
    summary="What a change of plan would cost",
    responses=responses(
        401,
        403,
        502,
        503,
        **ORGANIZATION_NOT_FOUND,
        **_NO_SUBSCRIPTION,
        **CHOICE,
        **_CURRENCIES,
        **CHANGING,
        **PAYMENT_OVERDUE,
    ),
)
async def preview_update(
    request: Request, ctx: Ctx, caller: CurrentCaller, _: Writer, asked: PlanRequest
) -> PlanPreview:
    """Nothing changes, and nothing is charged. The quote holds for a quarter of an hour.

    `scheduled` is what the catalogue says: whether Stripe lets it wait (`price_archived`), the update alone finds out.
    """
    organization = await find_organization(ctx, caller, asked.organization_id)
    chosen = await _chosen(ctx, organization, asked)
    cause = Cause("api_call", request_id_of(request), "a change previewed")
    async with _still_offered(ctx, organization, asked):
        changed, quote = await preview(ctx, organization, chosen, cause)
    return PlanPreview.model_validate(
        {**_fields(chosen, changed), "quote_id": str(quote.id), "expires_at": quote.expires_at}
    )


@router.post(
    "/subscription-cancel",
    summary="End the subscription",
    responses=responses(401, 403, 502, 503, **ORGANIZATION_NOT_FOUND, **_NO_SUBSCRIPTION, **CHANGING),
)
async def cancel_plan(
    request: Request, ctx: Ctx, caller: CurrentCaller, _: Writer, asked: PlanCancellationRequest
) -> EmptyResponse:
    """At the end of the period that is paid for, or at once, with no refund."""
    organization = await find_organization(ctx, caller, asked.organization_id)
    plan = await get_current_plan(ctx, organization)
    cause = Cause("api_call", request_id_of(request), "the plan cancelled")
    end = cancel.cancel_now if asked.immediately else cancel.cancel_at_period_end
    await end(ctx, organization, plan.stripe_subscription_id, cause)
    return EmptyResponse()


async def _chosen(ctx: Ctx, organization: UUID, asked: PlanRequest) -> Chosen:
    async with ctx.pool.acquire() as conn:
        current = await find_current_plan(conn, organization)
        return await choose(conn, asked.product_id, asked.price_id, current)


@asynccontextmanager
async def _still_offered(ctx: Ctx, organization: UUID, asked: PlanRequest) -> AsyncIterator[None]:
    """Where Stripe refuses what was an archived price of its own as it chose, and by now is not: invalid_price."""
    try:
        yield
    except StripeRefused:
        await _chosen(ctx, organization, asked)
        raise


def _fields(chosen: Chosen, changed: Changed) -> dict[str, object]:
    return {
        "status": changed.outcome,
        "subscription_id": changed.stripe_subscription_id,
        "product_id": chosen.plan.stripe_product_id,
        "price_id": chosen.price.place.stripe_price_id,
        "effective_at": changed.effective_at,
        "proration_amount": changed.amount,
        "currency": changed.currency,
    }
