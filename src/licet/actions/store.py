"""What is looked up before Stripe is asked for a change."""

from uuid import UUID

from licet.db.pool import Pool
from licet.kit.statuses import ENDED

OVERDUE = ("past_due", "unpaid")
"""Statuses of a subscription whose invoices wait for a card that pays."""


async def list_paid_by(pool: Pool, stripe_customer_id: str) -> list[str]:
    """The customer's subscriptions that have not ended, the oldest first."""
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
    """The customer's open invoices of subscriptions that are overdue, the oldest first."""
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


async def count_changes(pool: Pool, stripe_id: str) -> int:
    """How often what we hold of an object has changed: it grows also where it changes back."""
    found: int | None = await pool.fetchval("SELECT changes FROM mirrors WHERE stripe_id = $1", stripe_id)
    return found or 0


async def newest_currency(pool: Pool, account_id: UUID) -> str:
    """The currency that the account pays in; of one that has paid nothing yet, the catalogue's first."""
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
    """The configuration at Stripe that was made of what `key` stands for."""
    found: str | None = await pool.fetchval(
        "SELECT stripe_configuration_id FROM portal_configurations WHERE key = $1", key
    )
    return found


async def write_portal_configuration(pool: Pool, key: str, stripe_configuration_id: str) -> None:
    """Remember it, in the place of the one before."""
    await pool.execute(
        """
        INSERT INTO portal_configurations (key, stripe_configuration_id) VALUES ($1, $2)
        ON CONFLICT (key) DO UPDATE SET stripe_configuration_id = excluded.stripe_configuration_id
        """,
        key,
        stripe_configuration_id,
    )
