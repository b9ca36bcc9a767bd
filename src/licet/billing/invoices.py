"""Lists and retrieves invoices: `/api/billing/invoices`."""

import re
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Path, Query, Request

from licet.accounts.auth import Reader, SeenAccount
from licet.billing.store import invoice_exists, is_customer_of
from licet.errors import NotFound
from licet.http.context import Context, Ctx
from licet.http.openapi.document import responses
from licet.http.paging import Paging, listed
from licet.http.request_id import request_id_of
from licet.http.router import api_router
from licet.http.shapes import ListResponse
from licet.kit.cause import Cause
from licet.kit.stripe_objects import id_of
from licet.orders import invoice_store
from licet.orders.invoice_store import find_invoice
from licet.orders.schemas import Invoice, InvoiceDetails
from licet.stripe_events import sync

router = api_router("/api/billing/invoices", tag="billing")

_INVOICE_ID = re.compile(r"in_[A-Za-z0-9_]{1,250}")


@router.get("", summary="List invoices", responses=responses(401, 403, 404))
async def list_invoices(
    ctx: Ctx,
    _: Reader,
    account_id: SeenAccount,
    page: Paging,
    status: Annotated[
        Literal["draft", "open", "paid", "void", "uncollectible"] | None,
        Query(description="Only invoices with this status."),
    ] = None,
    subscription_id: Annotated[
        str | None, Query(alias="subscriptionId", max_length=255, description="Only invoices of this subscription.")
    ] = None,
) -> ListResponse[Invoice]:
    """Lists the invoices of subscriptions and of one-time purchases, newest first."""
    async with ctx.pool.acquire() as conn:
        rows, total = await invoice_store.list_mirrored_invoices(
            conn, page, account_id=account_id, status=status, subscription_id=subscription_id
        )
    return listed(rows, total, page)


@router.get("/{id}", summary="Retrieve an invoice", responses=responses(401, 403, 404, 502, 503))
async def get_invoice(
    request: Request,
    ctx: Ctx,
    _: Reader,
    account_id: SeenAccount,
    stripe_id: Annotated[
        str, Path(alias="id", max_length=255, description="The invoice's id at Stripe.", examples=["in_1QxYz"])
    ],
) -> InvoiceDetails:
    """Retrieves an invoice with its lines. An invoice that is not in Licet yet is read from Stripe."""
    async with ctx.pool.acquire() as conn:
        invoice = await find_invoice(conn, stripe_id, account_id=account_id)
    if invoice is None and _INVOICE_ID.fullmatch(stripe_id):
        await _fetch(ctx, account_id, stripe_id, Cause("stripe_read", stripe_id, request_id_of(request)))
        async with ctx.pool.acquire() as conn:
            invoice = await find_invoice(conn, stripe_id, account_id=account_id)
    if invoice is None:
        raise NotFound("There is no such invoice.")
    return invoice


async def _fetch(ctx: Context, account_id: UUID | None, stripe_invoice_id: str, cause: Cause) -> None:
    """Mirrors a missing invoice from Stripe if its customer is the account's. Ignores other invoices."""
    async with ctx.pool.acquire() as conn:
        if await invoice_exists(conn, stripe_invoice_id):
            return
    before = await sync.baseline(ctx, stripe_invoice_id)
    invoice = await ctx.stripe.retrieve("invoice", stripe_invoice_id, ("payments",))
    if invoice is not None and await _belongs_to(ctx, account_id, id_of(invoice.get("customer"))):
        await sync.apply_answer(ctx, "invoice", invoice, before, cause)


async def _belongs_to(ctx: Context, account_id: UUID | None, stripe_customer_id: str | None) -> bool:
    async with ctx.pool.acquire() as conn:
        return await is_customer_of(conn, account_id, stripe_customer_id)
