"""Subscriptions and their items, as mirrored."""

from collections.abc import Sequence

import asyncpg

from licet.db.connection import Connection


async def find_subscription(conn: Connection, stripe_subscription_id: str) -> asyncpg.Record | None:
    """A subscription, or None where Stripe has not told us of it yet.

    cancelling: it was decided here that it ends at once, and Stripe has not ended it yet; or it is a plan that seems to
    have been bought a second time, and Stripe has not been asked yet.
    """
    return await conn.fetchrow(
        """
        SELECT subscription.*, EXISTS (
            SELECT 1 FROM cancellations WHERE cancellations.stripe_subscription_id = $1
            UNION ALL
            SELECT 1 FROM second_plans WHERE second_plans.stripe_subscription_id = $1 AND due_at IS NOT NULL
        ) AS cancelling
        FROM subscriptions AS subscription WHERE stripe_subscription_id = $1
        """,
        stripe_subscription_id,
    )


async def list_items(conn: Connection, stripe_subscription_id: str) -> list[asyncpg.Record]:
    """Its items, each with its product as the catalogue knows it (`product_id` null where it does not)."""
    return await conn.fetch(
        """
        SELECT item.stripe_subscription_item_id, item.quantity, item.stripe_product_id, item.current_period_start_at,
               item.current_period_end_at, product.id AS product_id, product.license_policy,
               coalesce(product.product_group, product.catalog_key) AS unit_group
        FROM subscription_items AS item
        LEFT JOIN products AS product
            ON product.stripe_product_id = item.stripe_product_id AND product.catalog_key IS NOT NULL
        WHERE item.stripe_subscription_id = $1 ORDER BY item.position
        """,
        stripe_subscription_id,
    )


async def write_waits_for(conn: Connection, stripe_subscription_id: str, waits_for: Sequence[str]) -> None:
    """Say which products the catalogue must learn before this subscription can be fulfilled."""
    await conn.execute(
        "UPDATE subscriptions SET waits_for = $2 WHERE stripe_subscription_id = $1",
        stripe_subscription_id,
        list(waits_for),
    )
