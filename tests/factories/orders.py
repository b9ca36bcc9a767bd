"""Makes rows of orders, with their checkout sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from tests.factories.catalog import Product

from licet.http.context import Context
from licet.kit.ids import new_id

_numbers = count(1)


@dataclass(frozen=True)
class Order:
    id: UUID
    account_id: UUID
    stripe_session_id: str
    stripe_subscription_id: str | None


async def make_order(
    context: Context,
    account_id: UUID,
    products: Sequence[Product],
    *,
    status: str = "paid",
    quantity: int = 1,
    amount_refunded: int = 0,
    created_at: datetime | None = None,
    waits_for: Sequence[str] = (),
) -> Order:
    n = next(_numbers)
    at = created_at or context.now()
    recurring = any(product.interval for product in products)
    order = Order(new_id(), account_id, f"cs_test_{n}", f"sub_{n}" if recurring else None)
    await context.pool.execute(
        """
        INSERT INTO checkout_sessions (stripe_session_id, account_id, order_id, made_here, mode, status, payment_status,
                                       stripe_subscription_id, amount_total, currency, lines_known, created_at,
                                       expires_at)
        VALUES ($1, $2, $3, true, $4, 'complete', 'paid', $5, $6, 'usd', true, $7, $8)
        """,
        order.stripe_session_id,
        account_id,
        order.id,
        "subscription" if recurring else "payment",
        order.stripe_subscription_id,
        sum(product.unit_amount * quantity for product in products),
        at,
        at + timedelta(days=1),
    )
    await context.pool.executemany(
        """
        INSERT INTO checkout_lines (stripe_session_id, position, stripe_price_id, stripe_product_id, quantity,
                                    unit_amount, currency, interval, interval_count)
        VALUES ($1, $2, $3, $4, $5, $6, 'usd', $7, $8)
        """,
        [
            (
                order.stripe_session_id,
                position,
                product.stripe_price_id,
                product.stripe_product_id,
                quantity,
                product.unit_amount,
                product.interval,
                1 if product.interval else None,
            )
            for position, product in enumerate(products)
        ],
    )
    await context.pool.execute(
        """
        INSERT INTO orders (id, account_id, stripe_session_id, status, amount_refunded, waits_for, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        order.id,
        account_id,
        order.stripe_session_id,
        status,
        amount_refunded,
        list(waits_for),
        at,
    )
    return order
