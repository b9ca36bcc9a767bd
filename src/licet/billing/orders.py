"""Lists and retrieves orders: `/api/orders`.

The routes are in this package because an order lists its licenses, and `licenses` is a higher layer than `orders`.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field

from licet.accounts.auth import Reader, SeenAccount
from licet.db.connection import Connection
from licet.http.context import Context, Ctx
from licet.http.openapi.document import responses
from licet.http.paging import Paging, listed
from licet.http.router import PathId, api_router
from licet.http.shapes import At, ListResponse, ResponseBody
from licet.licenses.schemas import LicenseOfOrder
from licet.licenses.view_store import licenses_of_orders
from licet.orders import store
from licet.orders.core import OrderStatus
from licet.orders.schemas import OrderItem
from licet.orders.store import OrderRecord

router = api_router("/api/orders", tag="orders")


class Order(ResponseBody):
    """An order, made from one checkout. Amounts are in the currency's minor unit."""

    id: UUID
    status: OrderStatus = Field(examples=["paid"])
    amount: int = Field(examples=[14900])
    amount_refunded: int = Field(examples=[0])
    currency: str | None = Field(examples=["usd"])
    created_at: At
    subscription_id: str | None = Field(
        description="The subscription's id at Stripe; null if nothing in the order recurs.", examples=["sub_1QxYz"]
    )
    waits_for: list[str] = Field(
        default_factory=list,
        description="Stripe's ids of products that are not in the catalogue yet. Their licenses are issued when the "
        "products are added. Left out if there are none.",
        exclude_if=lambda products: not products,
    )
    items: list[OrderItem]
    licenses: list[LicenseOfOrder]


@router.get("", summary="List orders", responses=responses(401, 403, 404))
async def list_orders(
    ctx: Ctx,
    _: Reader,
    account_id: SeenAccount,
    page: Paging,
    status: Annotated[OrderStatus | None, Query(description="Only orders with this status.")] = None,
) -> ListResponse[Order]:
    """Lists orders with their items and licenses, newest first."""
    async with ctx.pool.acquire() as conn:
        orders, total = await store.list_order_records(conn, page, account_id=account_id, status=status)
        return listed(await _with_licenses(ctx, conn, orders), total, page)


@router.get("/{id}", summary="Retrieve an order", responses=responses(401, 403, 404))
async def get_order(ctx: Ctx, _: Reader, account_id: SeenAccount, order_id: PathId) -> Order:
    """Retrieves an order with its items and licenses."""
    async with ctx.pool.acquire() as conn:
        order = await store.get_order_record(conn, order_id, account_id=account_id)
        return (await _with_licenses(ctx, conn, [order]))[0]


async def _with_licenses(ctx: Context, conn: Connection, orders: list[OrderRecord]) -> list[Order]:
    licenses = await licenses_of_orders(conn, ctx.keyring, [order.id for order in orders], now=ctx.now())
    return [
        Order(
            id=order.id,
            status=order.status,
            amount=order.amount,
            amount_refunded=order.amount_refunded,
            currency=order.currency,
            created_at=order.created_at,
            subscription_id=order.stripe_subscription_id,
            waits_for=order.waits_for,
            items=order.items,
            licenses=licenses.get(order.id, []),
        )
        for order in orders
    ]
