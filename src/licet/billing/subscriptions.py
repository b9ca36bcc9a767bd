"""What renews: `/api/billing/subscriptions`."""

from typing import Annotated, Literal

from fastapi import Body, Path, Query, Request
from pydantic import Field

from licet.accounts.auth import Reader, SeenAccount, Writer
from licet.actions.subscriptions import cancel
from licet.actions.subscriptions.lock import CHANGING
from licet.db.connection import Connection
from licet.http.context import Context, Ctx
from licet.http.openapi.document import responses
from licet.http.paging import Paging, listed
from licet.http.request_id import request_id_of
from licet.http.router import api_router
from licet.http.shapes import At, ListResponse, RequestBody
from licet.kit.cause import Cause
from licet.licenses.shown import License, licenses_of_subscription
from licet.orders.invoice_store import find_invoice_summary
from licet.orders.schemas import Invoice
from licet.subscriptions import shown
from licet.subscriptions.core import Status
from licet.subscriptions.shown import Subscription, SubscriptionRecord

router = api_router("/api/billing/subscriptions", tag="billing")

StripeId = Annotated[str, Path(alias="id", max_length=255, description="Stripe's id of it.", examples=["sub_1QxYz"])]


class SubscriptionDetails(Subscription):
    """A subscription with all that belongs to it."""

    licenses: list[License]
    latest_invoice: Invoice | None
    cancel_at: At | None = Field(description="When its scheduled end comes; null without one.", examples=[None])
    canceled_at: At | None = Field(description="When it was cancelled, or its end was scheduled.", examples=[None])
    trial_end: At | None = Field(examples=[None])
    quantity: int = Field(description="Of all items together.", examples=[1])


class CancellationRequest(RequestBody):
    """`cancelAtPeriodEnd: false` ends it at once, with no refund."""

    cancel_at_period_end: bool = Field(True, examples=[True])


@router.get("", summary="The subscriptions, the newest first", responses=responses(401, 403, 404))
async def list_subscriptions(
    ctx: Ctx,
    _: Reader,
    account_id: SeenAccount,
    page: Paging,
    status: Annotated[
        Status | Literal["all"] | None, Query(description="One status, or all; without it those that have not ended.")
    ] = None,
) -> ListResponse[Subscription]:
    """Those that have not ended, unless asked otherwise."""
    async with ctx.pool.acquire() as conn:
        found, total = await shown.list_subscriptions(conn, page, account_id=account_id, status=status)
    return listed([Subscription.model_validate(one.in_short()) for one in found], total, page)


@router.get("/{id}", summary="One subscription", responses=responses(401, 403, 404))
async def get_subscription(ctx: Ctx, _: Reader, account_id: SeenAccount, stripe_id: StripeId) -> SubscriptionDetails:
    """With its licenses and its latest invoice."""
    async with ctx.pool.acquire() as conn:
        return await _in_full(ctx, conn, await shown.get_subscription(conn, stripe_id, account_id=account_id))


@router.post(
    "/{id}/cancel",
    summary="End a subscription",
    responses=responses(401, 403, 404, 502, 503, **CHANGING),
)
async def cancel_subscription(
    request: Request,
    ctx: Ctx,
    _: Writer,
    account_id: SeenAccount,
    stripe_id: StripeId,
    asked: Annotated[CancellationRequest | None, Body()] = None,
) -> SubscriptionDetails:
    """At the end of the period that is paid for, or at once.

    At once takes the licenses back before this answers, and gives no money back. Where Stripe cannot be reached (503)
    they are suspended all the same, and the end follows by itself. What is so already is answered as it is. A change
    that waits for the period's end is dropped.
    """
    later = asked is None or asked.cancel_at_period_end
    cause = Cause("api_call", request_id_of(request), "cancelled at the period's end" if later else "cancelled at once")
    await (cancel.cancel_at_period_end if later else cancel.cancel_now)(ctx, account_id, stripe_id, cause)
    return await get_subscription(ctx, _, account_id, stripe_id)


@router.post(
    "/{id}/resume",
    summary="Take a scheduled end back",
    responses=responses(
        401,
        403,
        404,
        502,
        503,
        subscription_ended=(409, "The subscription has ended. Buy it again."),
        cancellation_under_way=(409, "The subscription is being cancelled at once, and that is not taken back."),
        **CHANGING,
    ),
)
async def resume_subscription(
    request: Request, ctx: Ctx, _: Writer, account_id: SeenAccount, stripe_id: StripeId
) -> SubscriptionDetails:
    """However it was scheduled, in Stripe's own portal too. One that does not end is answered as it is."""
    cause = Cause("api_call", request_id_of(request), "the scheduled end taken back")
    await cancel.resume(ctx, account_id, stripe_id, cause)
    return await get_subscription(ctx, _, account_id, stripe_id)


async def _in_full(ctx: Context, conn: Connection, found: SubscriptionRecord) -> SubscriptionDetails:
    invoice_id = found.stripe_latest_invoice_id
    return SubscriptionDetails.model_validate(
        {
            **found.in_short(),
            "licenses": await licenses_of_subscription(conn, ctx.keyring, found.id, now=ctx.now()),
            "latest_invoice": await find_invoice_summary(conn, invoice_id) if invoice_id else None,
            "cancel_at": found.ends_at,
            "canceled_at": found.canceled_at,
            "trial_end": found.trial_end_at,
            "quantity": sum(item.quantity for item in found.items),
        }
    )
