"""Queries that are made before a change at Stripe, and the ids of portal configurations."""

from uuid import UUID

from licet.db.pool import Pool
from licet.kit.statuses import ENDED

OVERDUE = ("past_due", "unpaid")
"""Statuses of a subscription with invoices that its payment method did not pay."""


async def list_subscriptions_of_customer(pool: Pool, stripe_customer_id: str) -> list[str]:
    """The customer's subscriptions that have not ended, oldest first."""
    rows = await pool.fetch(
        """
        SELECT stripe_subscription_id FROM subscriptions
        WHERE stripe_customer_id = $1 AND status <> ALL ($2) ORDER BY created_at, stripe_subscription_id
        """,
        stripe_customer_id,
        list(ENDED),
    )
    return [row["stripe_subscription_id"] for row in rows]


async def list_open_invoices(pool: Pool, account_id: UUID, stripe_customer_id: str) -> list[str]:
    """The open invoices of the customer's overdue subscriptions, oldest first."""
    rows = await pool.fetch(
        """
        SELECT invoice.stripe_invoice_id
        FROM invoices AS invoice JOIN subscriptions AS subscription USING (stripe_subscription_id)
        WHERE subscription.account_id = $1 AND subscription.stripe_customer_id = $2
            AND subscription.status = ANY ($3) AND invoice.status = 'open'
        ORDER BY invoice.created_at, invoice.stripe_invoice_id
        """,
        account_id,
        stripe_customer_id,
        list(OVERDUE),
    )
    return [row["stripe_invoice_id"] for row in rows]


async def find_invoice_status(pool: Pool, stripe_invoice_id: str) -> str | None:
    """The mirrored status of an invoice, or None if it is not mirrored."""
    status: str | None = await pool.fetchval(
        "SELECT status FROM invoices WHERE stripe_invoice_id = $1", stripe_invoice_id
    )
    return status


async def count_changes(pool: Pool, stripe_id: str) -> int:
    """How often a mirrored object has changed. The count also grows when the object changes back."""
    found: int | None = await pool.fetchval("SELECT changes FROM mirrors WHERE stripe_id = $1", stripe_id)
    return found or 0


async def find_currency(pool: Pool, account_id: UUID) -> str:
    """The currency of the account's newest invoice; without one, of the catalogue's first price."""
    found: str | None = await pool.fetchval(
        """
        SELECT coalesce(
            (SELECT currency FROM invoices WHERE account_id = $1 ORDER BY created_at DESC LIMIT 1),
            (SELECT price.currency FROM prices AS price JOIN products AS product USING (stripe_product_id)
             WHERE price.active AND product.active AND price.position IS NOT NULL
             ORDER BY product.position, price.position LIMIT 1))
        """,
        account_id,
    )
    return found or "usd"


async def find_portal_configuration(pool: Pool, key: str) -> str | None:
    """The Stripe id of the portal configuration with this key."""
    found: str | None = await pool.fetchval(
        "SELECT stripe_configuration_id FROM portal_configurations WHERE key = $1", key
    )
    return found


async def write_portal_configuration(pool: Pool, key: str, stripe_configuration_id: str) -> None:
    """Store the portal configuration's Stripe id, in place of an older one with the same key."""
    await pool.execute(
        """
        INSERT INTO portal_configurations (key, stripe_configuration_id) VALUES ($1, $2)
        ON CONFLICT (key) DO UPDATE SET stripe_configuration_id = excluded.stripe_configuration_id
        """,
        key,
        stripe_configuration_id,
    )
