# ruff: noqa: S608 - what is put into the statements are the constants below
"""An order as its buyer sees it, but for its licenses, which are another layer's (`billing/orders.py` joins them)."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from pydantic import Field

from licet.db.connection import Connection
from licet.db.listing import Where, fetch_page
from licet.errors import NotFound
from licet.http.shapes import ResponseBody
from licet.kit.pages import Page
from licet.orders.core import OrderStatus


class OrderItem(ResponseBody):
    """One line of a cart. `productId` and `productName` are null where we never heard of Stripe's product."""

    product_id: UUID | None
    product_name: str | None = Field(examples=["Shopify Connector"])
    price_id: str = Field(examples=["price_1QxYz"])
    quantity: int = Field(examples=[1])
    unit_amount: int = Field(description="In the currency's minor unit.", examples=[14900])
    currency: str = Field(examples=["usd"])
    interval: str | None = Field(description="day, week, month or year; null is bought once.", examples=["month"])


@dataclass(frozen=True)
class OrderRecord:
    """An order with its lines. Amounts in minor units; waits_for: Stripe's products that no catalogue knows."""

    id: UUID
    status: OrderStatus
    amount: int
    amount_refunded: int
    currency: str | None
    created_at: datetime
    stripe_subscription_id: str | None
    waits_for: list[str]
    items: list[OrderItem]


_COLUMNS = """
    orders.id, orders.status, amount_total, amount_refunded, currency, orders.created_at, stripe_subscription_id,
    waits_for, orders.stripe_session_id"""
_SESSION = "JOIN checkout_sessions USING (stripe_session_id)"


async def list_orders(
    conn: Connection, page: Page, *, account_id: UUID | None, status: OrderStatus | None
) -> tuple[list[OrderRecord], int]:
    """A page of orders, the newest first, and how many there are. account_id None: everybody's."""
    where = Where().add("orders.account_id = {}", account_id).add("orders.status = {}", status)
    rows, total = await fetch_page(
        conn,
        page,
        where,
        columns=_COLUMNS,
        table="orders",
        joins=_SESSION,
        order_by="orders.created_at DESC, orders.id",
    )
    items = await _items(conn, rows)
    return [_order(row, items) for row in rows], total


async def get_order(conn: Connection, order_id: UUID, *, account_id: UUID | None) -> OrderRecord:
    """One order. Raises NotFound, also for another account's."""
    row = await conn.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM orders {_SESSION}
        WHERE orders.id = $1 AND ($2::uuid IS NULL OR orders.account_id = $2)
        """,
        order_id,
        account_id,
    )
    if row is None:
        raise NotFound("There is no such order.")
    return _order(row, await _items(conn, [row]))


async def _items(conn: Connection, orders: list[asyncpg.Record]) -> dict[str, list[OrderItem]]:
    """The lines of each order by its session, in one query."""
    rows = await conn.fetch(
        """
        SELECT stripe_session_id, products.id, products.name, stripe_price_id, quantity, unit_amount, currency, interval
        FROM checkout_lines LEFT JOIN products USING (stripe_product_id)
        WHERE stripe_session_id = ANY ($1) ORDER BY checkout_lines.position
        """,
        [row["stripe_session_id"] for row in orders],
    )
    found: dict[str, list[OrderItem]] = defaultdict(list)
    for row in rows:
        found[row["stripe_session_id"]].append(
            OrderItem(
                product_id=row["id"],
                product_name=row["name"],
                price_id=row["stripe_price_id"],
                quantity=row["quantity"],
                unit_amount=row["unit_amount"],
                currency=row["currency"],
                interval=row["interval"],
            )
        )
    return found


def _order(row: asyncpg.Record, items: dict[str, list[OrderItem]]) -> OrderRecord:
    return OrderRecord(
        id=row["id"],
        status=row["status"],
        amount=row["amount_total"],
        amount_refunded=row["amount_refunded"],
        currency=row["currency"],
        created_at=row["created_at"],
        stripe_subscription_id=row["stripe_subscription_id"],
        waits_for=row["waits_for"],
        items=items[row["stripe_session_id"]],
    )
