"""Reads the purchases to settle again, and updates the events that waited for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet.db.connection import Connection


@dataclass(frozen=True)
class StoredPurchase:
    """A purchase: a subscription (recurring), or a checkout session with its order."""

    stripe_id: str
    stripe_customer_id: str | None
    account_id: UUID
    recurring: bool


async def list_purchases_of_product(conn: Connection, product_id: UUID) -> list[StoredPurchase]:
    """List the purchases that have licenses of a product, or that wait until the catalogue knows it."""
    rows = await conn.fetch(
        """
        WITH product AS (SELECT id, stripe_product_id FROM products WHERE id = $1)
        SELECT stripe_subscription_id AS stripe_id, stripe_customer_id, account_id, true AS recurring
        FROM subscriptions WHERE stripe_subscription_id IN (
            SELECT stripe_subscription_id FROM subscriptions, product
                WHERE waits_for <> '{}' AND waits_for @> ARRAY[product.stripe_product_id]
            UNION SELECT stripe_subscription_id FROM licenses JOIN product ON licenses.product_id = product.id)
        UNION ALL
        SELECT stripe_session_id, stripe_customer_id, account_id, false
        FROM checkout_sessions WHERE stripe_session_id IN (
            SELECT stripe_session_id FROM orders, product
                WHERE waits_for <> '{}' AND waits_for @> ARRAY[product.stripe_product_id]
            UNION SELECT stripe_session_id FROM licenses JOIN product ON licenses.product_id = product.id)
        """,
        product_id,
    )
    return [StoredPurchase(**row) for row in rows]


async def find_subscription_purchase(conn: Connection, stripe_subscription_id: str) -> StoredPurchase | None:
    """A subscription as a purchase; None if it is not mirrored."""
    row = await conn.fetchrow(
        """
        SELECT stripe_subscription_id AS stripe_id, stripe_customer_id, account_id, true AS recurring
        FROM subscriptions WHERE stripe_subscription_id = $1
        """,
        stripe_subscription_id,
    )
    return None if row is None else StoredPurchase(**row)


async def list_outdated_subscriptions(conn: Connection, now: datetime) -> Sequence[str]:
    """List the subscriptions of up to 100 licenses whose stored status has ended (`valid_until`)."""
    rows = await conn.fetch(
        """
        SELECT DISTINCT stripe_subscription_id FROM (
            SELECT stripe_subscription_id FROM licenses WHERE valid_until <= $1 ORDER BY valid_until LIMIT 100
        ) AS turned
        """,
        now,
    )
    return [row["stripe_subscription_id"] for row in rows]


async def mark_waiting_events_applied(conn: Connection, account_id: UUID) -> None:
    """Mark the events of an account that waited for the catalogue as applied."""
    await conn.execute(
        """
        UPDATE events SET outcome = 'applied', reason = NULL
        WHERE account_id = $1 AND outcome = 'waiting' AND reason LIKE 'waits until the catalogue knows %'
        """,
        account_id,
    )
