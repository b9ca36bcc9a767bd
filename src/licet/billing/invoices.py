"""What was billed: `/api/billing/invoices`."""

import re
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Path, Query, Request

from licet.accounts.auth import Reader, SeenAccount
from licet.errors import NotFound
from licet.http.context import Context, Ctx
from licet.http.openapi.document import responses
from licet.http.paging import Paging, listed
from licet.http.request_id import request_id_of
from licet.http.router import api_router
from licet.http.shapes import ListResponse
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject, id_of
from licet.orders import invoice_store
from licet.orders.invoice_store import find_invoice
from licet.orders.schemas import Invoice, InvoiceDetails
from licet.stripe_events.sync import change

router = api_router("/api/billing/invoices", tag="billing")

_ID = re.compile(r"in_[A-Za-z0-9_]{1,250}")


@router.get("", summary="The invoices, the newest first", responses=responses(401, 403, 404))
async def list_invoices(
    ctx: Ctx,
    _: Reader,
    account_id: SeenAccount,
    page: Paging,
    status: Annotated[
        Literal["draft", "open", "paid", "void", "uncollectible"] | None, Query(description="Those in this status.")
    ] = None,
    subscription_id: Annotated[
        str | None, Query(alias="subscriptionId", max_length=255, description="Those of this subscription.")
    ] = None,
) -> ListResponse[Invoice]:
    """Of subscriptions and of what was bought once; also by status or subscription."""
    async with ctx.pool.acquire() as conn:
        rows, total = await invoice_store.list_mirrored_invoices(
            conn, page, account_id=account_id, status=status, subscription_id=subscription_id
        )
    return listed(rows, total, page)


@router.get("/{id}", summary="One invoice", responses=responses(401, 403, 404, 502, 503))
async def get_invoice(
    request: Request,
    ctx: Ctx,
    _: Reader,
    account_id: SeenAccount,
    stripe_id: Annotated[
        str, Path(alias="id", max_length=255, description="Stripe's id of it.", examples=["in_1QxYz"])
    ],
) -> InvoiceDetails:
    """With its lines. One that Stripe has not told us of yet is asked for, and kept."""
    async with ctx.pool.acquire() as conn:
        found = await find_invoice(conn, stripe_id, account_id=account_id)
    if found is None and _ID.fullmatch(stripe_id):
        await _fetch(ctx, account_id, stripe_id, Cause("stripe_read", stripe_id, request_id_of(request)))
        async with ctx.pool.acquire() as conn:
            found = await find_invoice(conn, stripe_id, account_id=account_id)
    if found is None:
        raise NotFound("There is no such invoice.")
    return found


async def _fetch(ctx: Context, account_id: UUID | None, stripe_invoice_id: str, cause: Cause) -> None:
    """Mirror an invoice that we lack, where its customer is the account's; anybody else's is left alone."""

    async def ask() -> StripeObject | None:
        obj = await ctx.stripe.retrieve("invoice", stripe_invoice_id, ("payments",))
        return obj if obj is not None and await _is_ours(ctx, account_id, id_of(obj.get("customer"))) else None

    async with ctx.pool.acquire() as conn:
        if await conn.fetchval(
            "SELECT EXISTS (SELECT 1 FROM invoices WHERE stripe_invoice_id = $1)", stripe_invoice_id
        ):
            return
    await change(ctx, "invoice", stripe_invoice_id, cause, ask)


async def _is_ours(ctx: Context, account_id: UUID | None, stripe_customer_id: str | None) -> bool:
    return bool(
        await ctx.pool.fetchval(
            """
            SELECT EXISTS (
                SELECT 1 FROM customers WHERE stripe_customer_id = $1 AND ($2::uuid IS NULL OR account_id = $2))
            """,
            stripe_customer_id,
            account_id,
        )
    )
