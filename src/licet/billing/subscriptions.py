"""Lists, retrieves, cancels and resumes subscriptions: `/api/billing/subscriptions`."""

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
from licet.licenses.schemas import License
from licet.licenses.view_store import licenses_of_subscription
from licet.orders.invoice_store import find_invoice_summary
from licet.orders.schemas import Invoice
from licet.subscriptions import store
from licet.subscriptions.core import SubscriptionStatus
from licet.subscriptions.schemas import Subscription
from licet.subscriptions.store import SubscriptionRecord

router = api_router("/api/billing/subscriptions", tag="billing")

SubscriptionId = Annotated[
    str, Path(alias="id", max_length=255, description="The subscription's id at Stripe.", examples=["sub_1QxYz"])
]


class SubscriptionDetails(Subscription):
    """A subscription with its licenses and its latest invoice."""

    licenses: list[License]
    latest_invoice: Invoice | None
    cancel_at: At | None = Field(
        description="When the subscription is scheduled to end; null if no end is scheduled.", examples=[None]
    )
    canceled_at: At | None = Field(
        description="When it was cancelled, immediately or for a later date.", examples=[None]
    )
    trial_end: At | None = Field(examples=[None])
    quantity: int = Field(description="The sum over all items.", examples=[1])


class CancellationRequest(RequestBody):
    """A cancellation. `cancelAtPeriodEnd: false` cancels immediately, without a refund."""

    cancel_at_period_end: bool = Field(True, examples=[True])


@router.get("", summary="List subscriptions", responses=responses(401, 403, 404))
async def list_subscriptions(
    ctx: Ctx,
    _: Reader,
    account_id: SeenAccount,
    page: Paging,
    status: Annotated[
        SubscriptionStatus | Literal["all"] | None,
        Query(
            description="Only subscriptions with this status; all lists every one. Default: those that have not ended."
        ),
    ] = None,
) -> ListResponse[Subscription]:
    """Lists subscriptions, newest first: by default those that have not ended."""
    async with ctx.pool.acquire() as conn:
        records, total = await store.list_subscriptions(conn, page, account_id=account_id, status=status)
    return listed([Subscription.model_validate(record.in_short()) for record in records], total, page)


@router.get("/{id}", summary="Retrieve a subscription", responses=responses(401, 403, 404))
async def get_subscription(
    ctx: Ctx, _: Reader, account_id: SeenAccount, stripe_id: SubscriptionId
) -> SubscriptionDetails:
    """Retrieves a subscription with its licenses and its latest invoice."""
    async with ctx.pool.acquire() as conn:
        return await _with_details(ctx, conn, await store.get_subscription(conn, stripe_id, account_id=account_id))


@router.post(
    "/{id}/cancel",
    summary="Cancel a subscription",
    responses=responses(401, 403, 404, 502, 503, **CHANGING),
)
async def cancel_subscription(
    request: Request,
    ctx: Ctx,
    _: Writer,
    account_id: SeenAccount,
    stripe_id: SubscriptionId,
    body: Annotated[CancellationRequest | None, Body()] = None,
) -> SubscriptionDetails:
    """Cancels at the end of the paid period, or immediately without a refund.

    An immediate cancellation revokes the licenses before it responds. If Stripe cannot be reached (503), the licenses
    are suspended and the cancellation is retried automatically. A scheduled change of plan is dropped. Cancelling a
    subscription that is already cancelled returns it unchanged.
    """
    at_period_end = body is None or body.cancel_at_period_end
    detail = "cancelled at the end of the period" if at_period_end else "cancelled immediately"
    cause = Cause("api_call", request_id_of(request), detail)
    await (cancel.cancel_at_period_end if at_period_end else cancel.cancel_now)(ctx, account_id, stripe_id, cause)
    return await get_subscription(ctx, _, account_id, stripe_id)


@router.post(
    "/{id}/resume",
    summary="Resume a subscription that is scheduled to cancel",
    responses=responses(
        401,
        403,
        404,
        502,
        503,
        subscription_ended=(409, "The subscription has ended. Buy it again."),
        cancellation_under_way=(
            409,
            "The subscription is being cancelled immediately. Buy it again once it has ended.",
        ),
        **CHANGING,
    ),
)
async def resume_subscription(
    request: Request, ctx: Ctx, _: Writer, account_id: SeenAccount, stripe_id: SubscriptionId
) -> SubscriptionDetails:
    """Removes a scheduled cancellation, including one made in Stripe's customer portal.

    A subscription without a scheduled cancellation is returned unchanged.
    """
    cause = Cause("api_call", request_id_of(request), "the subscription resumed")
    await cancel.resume(ctx, account_id, stripe_id, cause)
    return await get_subscription(ctx, _, account_id, stripe_id)


async def _with_details(ctx: Context, conn: Connection, record: SubscriptionRecord) -> SubscriptionDetails:
    invoice_id = record.stripe_latest_invoice_id
    return SubscriptionDetails.model_validate(
        {
            **record.in_short(),
            "licenses": await licenses_of_subscription(conn, ctx.keyring, record.id, now=ctx.now()),
            "latest_invoice": await find_invoice_summary(conn, invoice_id) if invoice_id else None,
            "cancel_at": record.ends_at,
            "canceled_at": record.canceled_at,
            "trial_end": record.trial_end_at,
            "quantity": sum(item.quantity for item in record.items),
        }
    )
