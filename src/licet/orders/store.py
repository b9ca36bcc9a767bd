# ruff: noqa: S608 - only the constants below are formatted into the statements
"""Reads checkout sessions with their lines; reads and writes the orders that they become."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.db.listing import Where, fetch_page
from licet.errors import NotFound
from licet.kit.pages import Page
from licet.orders.core import OrderStatus
from licet.orders.schemas import OrderItem


@dataclass(frozen=True)
class OrderRecord:
    """An order with its lines. Amounts are in minor units.

    waits_for: ids of Stripe products that are missing from the catalogue.
    """

    id: UUID
    status: OrderStatus
    amount: int
    amount_refunded: int
    currency: str | None
    created_at: datetime
    stripe_subscription_id: str | None
    waits_for: list[str]
    items: list[OrderItem]


async def find_session(conn: Connection, stripe_session_id: str) -> asyncpg.Record | None:
    """A checkout session, or None if it is not mirrored.

    subscription_status: null without a mirrored subscription.
    duplicate_plan: whether a plan in it appears to duplicate an older plan, and this is not decided yet.
    undone_products: Stripe's ids of its products that are, or will be, undone as duplicate plans.
    undone_amount: what is refunded for them, in minor units.
    amount_paid: in minor units; less than the total if the customer's credit balance paid a part.
    """
    return await conn.fetchrow(
        """
        SELECT session.*, subscription.status AS subscription_status, duplicate.due_at IS NOT NULL AS duplicate_plan,
               coalesce(duplicate.stripe_product_ids, '{}') AS undone_products,
               CASE WHEN duplicate.purchase_invoice_id = session.stripe_invoice_id THEN duplicate.refund_amount ELSE 0
               END AS undone_amount,
               CASE WHEN invoice.status = 'paid' THEN invoice.amount_paid ELSE session.amount_total END AS amount_paid
        FROM checkout_sessions AS session
        LEFT JOIN subscriptions AS subscription USING (stripe_subscription_id)
        LEFT JOIN second_plans AS duplicate USING (stripe_subscription_id)
        LEFT JOIN invoices AS invoice USING (stripe_invoice_id)
        WHERE session.stripe_session_id = $1
        """,
        stripe_session_id,
    )


async def list_lines(conn: Connection, stripe_session_id: str) -> list[asyncpg.Record]:
    """The lines of a session with their products. product_id: null if it is not in the catalogue."""
    return await conn.fetch(
        """
        SELECT line.position, line.quantity, line.interval, line.stripe_product_id,
               product.id AS product_id, product.name AS product_name, product.license_policy
        FROM checkout_lines AS line
        LEFT JOIN products AS product
            ON product.stripe_product_id = line.stripe_product_id AND product.catalog_key IS NOT NULL
        WHERE line.stripe_session_id = $1 ORDER BY line.position
        """,
        stripe_session_id,
    )


def unknown_products(lines: Sequence[asyncpg.Record]) -> frozenset[str]:
    """The Stripe ids of products, among these lines or items, that are missing from the catalogue."""
    return frozenset(line["stripe_product_id"] for line in lines if line["product_id"] is None)


async def write_order(
    conn: Connection, session: asyncpg.Record, status: OrderStatus, amount_refunded: int, waits_for: Sequence[str]
) -> bool:
    """Insert or update the order of a session. Returns True if it was inserted."""
    inserted = await conn.fetchval(
        """
        INSERT INTO orders (id, account_id, stripe_session_id, status, amount_refunded, waits_for, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (id) DO UPDATE SET
            status = excluded.status, amount_refunded = excluded.amount_refunded, waits_for = excluded.waits_for
            WHERE (orders.status, orders.amount_refunded, orders.waits_for)
                IS DISTINCT FROM (excluded.status, excluded.amount_refunded, excluded.waits_for)
        RETURNING xmax = 0
        """,
        session["order_id"],
        session["account_id"],
        session["stripe_session_id"],
        status,
        amount_refunded,
        list(waits_for),
        session["created_at"],
    )
    return inserted is True


async def find_order_of_subscription(conn: Connection, stripe_subscription_id: str) -> UUID | None:
    """The order that a subscription was bought with. None if it has not been written yet."""
    order_id: UUID | None = await conn.fetchval(
        """
        SELECT orders.id FROM orders JOIN checkout_sessions AS session USING (stripe_session_id)
        WHERE session.stripe_subscription_id = $1 LIMIT 1
        """,
        stripe_subscription_id,
    )
    return order_id


_COLUMNS = """
    orders.id, orders.status, amount_total, amount_refunded, currency, orders.created_at, stripe_subscription_id,
    waits_for, orders.stripe_session_id"""
_SESSION = "JOIN checkout_sessions USING (stripe_session_id)"


async def list_order_records(
    conn: Connection, page: Page, *, account_id: UUID | None, status: OrderStatus | None
) -> tuple[list[OrderRecord], int]:
    """A page of orders, newest first, and the total count. account_id None: of all accounts."""
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


async def get_order_record(conn: Connection, order_id: UUID, *, account_id: UUID | None) -> OrderRecord:
    """One order. Raises NotFound if it does not exist or belongs to another account."""
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
    """The lines of all these orders by their session id, in one query."""
    rows = await conn.fetch(
        """
        SELECT stripe_session_id, products.id, products.name, stripe_price_id, quantity, unit_amount, currency, interval
        FROM checkout_lines LEFT JOIN products USING (stripe_product_id)
        WHERE stripe_session_id = ANY ($1) ORDER BY checkout_lines.position
        """,
        [row["stripe_session_id"] for row in orders],
    )
    items: dict[str, list[OrderItem]] = defaultdict(list)
    for row in rows:
        items[row["stripe_session_id"]].append(
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
    return items


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


async def find_session_for_email(conn: Connection, stripe_session_id: str) -> asyncpg.Record | None:
    """`{status, amount_total, currency, url, name}` of a checkout session; name: of its account."""
    return await conn.fetchrow(
        """
        SELECT session.status, session.amount_total, session.currency, session.url, account.name
        FROM checkout_sessions AS session JOIN accounts AS account ON account.id = session.account_id
        WHERE session.stripe_session_id = $1
        """,
        stripe_session_id,
    )


async def list_session_lines_for_email(conn: Connection, stripe_session_id: str) -> list[dict[str, Any]]:
    """`{description, quantity, amount, currency}` of each line of a checkout session."""
    rows = await conn.fetch(
        """
        SELECT coalesce(product.name, line.stripe_product_id) AS description, line.quantity,
               line.unit_amount * line.quantity AS amount, line.currency
        FROM checkout_lines AS line LEFT JOIN products AS product USING (stripe_product_id)
        WHERE line.stripe_session_id = $1 ORDER BY line.position
        """,
        stripe_session_id,
    )
    return [dict(row) for row in rows]


async def find_failed_session(conn: Connection, stripe_session_id: str) -> asyncpg.Record | None:
    """`{account_id, amount, currency, session_id, url}`. url is null unless the session is open."""
    return await conn.fetchrow(
        """
        SELECT account_id, amount_total AS amount, currency, stripe_session_id AS session_id,
               CASE WHEN status = 'open' THEN url END AS url
        FROM checkout_sessions WHERE stripe_session_id = $1
        """,
        stripe_session_id,
    )
