"""A Stripe customer becomes our row. One that we did not make brings its account with it.

Accounts and customers are joined by ids alone, `metadata.account_id` or our own row, never by e-mail.
"""

from datetime import datetime
from uuid import UUID

from licet.db.connection import Connection
from licet.kit.ids import new_id
from licet.kit.stripe_objects import StripeObject, id_of
from licet.kit.touched import Touched
from licet.kit.versions import Rank, Version


async def mirror_customer(conn: Connection, customer: StripeObject, version: Version) -> Touched:
    """Store what we show and mail of a customer. A deleted one stays, as what it bought stays."""
    account_id = await account_of_customer(conn, customer["id"], version.as_of, named=_named_account(customer))
    if version.rank is Rank.DELETED or customer.get("deleted"):
        await conn.execute("UPDATE customers SET deleted = true WHERE stripe_customer_id = $1", customer["id"])
        await conn.execute(
            "UPDATE accounts SET stripe_customer_id = NULL WHERE stripe_customer_id = $1", customer["id"]
        )
        return Touched(account_id)
    await conn.execute(
        """
        UPDATE customers SET email = $2, name = $3, address = $4, stripe_default_payment_method_id = $5
        WHERE stripe_customer_id = $1
        """,
        customer["id"],
        customer.get("email"),
        customer.get("name"),
        customer.get("address"),
        id_of((customer.get("invoice_settings") or {}).get("default_payment_method")),
    )
    # An account that came with its customer has no other name than the customer's.
    await conn.execute(
        "UPDATE accounts SET name = coalesce(name, $2), email = coalesce(email, $3) WHERE id = $1",
        account_id,
        customer.get("name"),
        customer.get("email"),
    )
    return Touched(account_id)


async def account_of_customer(
    conn: Connection, stripe_customer_id: str, now: datetime, *, named: UUID | None = None
) -> UUID:
    """The account that a customer belongs to, made with it where nobody knows the customer yet.

    named: the account that the customer's own metadata names. The caller holds the customer's lock.
    """
    known: UUID | None = await conn.fetchval(
        """
        SELECT account_id FROM customers WHERE stripe_customer_id = $1
        UNION ALL SELECT id FROM accounts WHERE stripe_customer_id = $1
        LIMIT 1
        """,
        stripe_customer_id,
    )
    account_id = known or await _find_named(conn, named) or await make_account(conn, now)
    await conn.execute(
        "INSERT INTO customers (stripe_customer_id, account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        stripe_customer_id,
        account_id,
    )
    if known is None:
        # It buys as this customer from now on, unless it already has another.
        await conn.execute(
            "UPDATE accounts SET stripe_customer_id = $2 WHERE id = $1 AND stripe_customer_id IS NULL",
            account_id,
            stripe_customer_id,
        )
    return account_id


async def make_account(conn: Connection, now: datetime) -> UUID:
    """An account for a buyer whom Stripe told us of: a user, nameless until more is known."""
    account_id = new_id()
    await conn.execute("INSERT INTO accounts (id, kind, created_at) VALUES ($1, 'user', $2)", account_id, now)
    return account_id


async def _find_named(conn: Connection, named: UUID | None) -> UUID | None:
    if named is None:
        return None
    found: UUID | None = await conn.fetchval("SELECT id FROM accounts WHERE id = $1", named)
    return found


def _named_account(customer: StripeObject) -> UUID | None:
    text = (customer.get("metadata") or {}).get("account_id")
    try:
        return UUID(text) if text else None
    except ValueError:
        # A vendor may use the same word for something else.
        return None
