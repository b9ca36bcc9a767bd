"""SQL of the Payments API: the Stripe customer of an organisation."""

from uuid import UUID

import asyncpg

from licet.db.connection import Connection


async def find_billing_customer(conn: Connection, account_id: UUID) -> asyncpg.Record | None:
    """Stripe customer id, email, name and address of an account's customer; None if there is no account.

    Before the first purchase, email and name are the account's.
    """
    return await conn.fetchrow(
        """
        SELECT account.stripe_customer_id, coalesce(customer.email, account.email) AS email,
               coalesce(customer.name, account.name) AS name, customer.address
        FROM accounts AS account LEFT JOIN customers AS customer USING (stripe_customer_id)
        WHERE account.id = $1
        """,
        account_id,
    )
