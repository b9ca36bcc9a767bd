"""SQL of the Billing API: whether an invoice is mirrored, and whose customer it belongs to."""

from uuid import UUID

from licet.db.connection import Connection


async def invoice_exists(conn: Connection, stripe_invoice_id: str) -> bool:
    """True if the invoice is in the database."""
    return bool(
        await conn.fetchval("SELECT EXISTS (SELECT 1 FROM invoices WHERE stripe_invoice_id = $1)", stripe_invoice_id)
    )


async def is_customer_of(conn: Connection, account_id: UUID | None, stripe_customer_id: str | None) -> bool:
    """True if the Stripe customer belongs to the account. account_id None: to any account."""
    return bool(
        await conn.fetchval(
            """
            SELECT EXISTS (
                SELECT 1 FROM customers WHERE stripe_customer_id = $1 AND ($2::uuid IS NULL OR account_id = $2))
            """,
            stripe_customer_id,
            account_id,
        )
    )
