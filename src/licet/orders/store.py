"""Checkout sessions with their lines, and the orders they become."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.orders.core import OrderStatus


async def find_session(conn: Connection, stripe_session_id: str) -> asyncpg.Record | None:
    """A checkout session, with its subscription's status and what was paid, as far as they are known.

    second_plan: whether its subscription seems to be a plan that was bought a second time.

    amount_paid: in minor units; less than the total where a customer's credit paid a part.
    """
    return await conn.fetchrow(
        """
        SELECT session.*, subscription.status AS subscription_status, second.found_at IS NOT NULL AS second_plan,
               CASE WHEN invoice.status = 'paid' THEN invoice.amount_paid ELSE session.amount_total END AS amount_paid
        FROM checkout_sessions AS session
        LEFT JOIN subscriptions AS subscription USING (stripe_subscription_id)
        LEFT JOIN second_plans AS second USING (stripe_subscription_id)
        LEFT JOIN invoices AS invoice USING (stripe_invoice_id)
        WHERE session.stripe_session_id = $1
        """,
        stripe_session_id,
    )


async def list_lines(conn: Connection, stripe_session_id: str) -> list[asyncpg.Record]:
    """The lines of a session, each with its product as the catalogue knows it (`product_id` null where it does not)."""
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
    """Stripe's ids of the products, among these lines or items, that the catalogue does not know."""
    return frozenset(line["stripe_product_id"] for line in lines if line["product_id"] is None)


async def write_order(
    conn: Connection, session: asyncpg.Record, status: OrderStatus, amount_refunded: int, waits_for: Sequence[str]
) -> bool:
    """Write the session's order as it stands now. True where this made it."""
    made = await conn.fetchval(
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
    return made is True


async def find_order_of_subscription(conn: Connection, stripe_subscription_id: str) -> UUID | None:
    """The order that a subscription was bought with, once it is written."""
    found: UUID | None = await conn.fetchval(
        """
        SELECT orders.id FROM orders JOIN checkout_sessions AS session USING (stripe_session_id)
        WHERE session.stripe_subscription_id = $1 LIMIT 1
        """,
        stripe_subscription_id,
    )
    return found
