"""A Stripe customer becomes our row. One that we did not make brings its account with it.

Accounts and customers are joined by ids alone, `metadata.account_id` or our own row, never by e-mail.
"""

from datetime import datetime
from uuid import UUID

from licet.db.connection import Connection
from licet.kit.affected import Affected
from licet.kit.ids import new_id
from licet.kit.stripe_objects import StripeObject, id_of
from licet.kit.versions import Rank, Version


async def mirror_customer(conn: Connection, customer: StripeObject, version: Version) -> Affected:
    """Store what we show and mail of a customer. A deleted one stays, as what it bought stays.

    Where an event of its purchases came first, and so brought an account along, that account's purchases move to the
    one that the customer itself names.
    """
    account_id, _ = await account_of_customer(conn, customer["id"], version.time)
    named = await _find_named(conn, _named_account(customer))
    if named is not None and named != account_id and await _came_with_customer(conn, account_id, customer["id"]):
        await _move(conn, account_id, named, customer["id"])
        account_id = named
    if version.rank is Rank.DELETED or customer.get("deleted"):
        await conn.execute("UPDATE customers SET deleted = true WHERE stripe_customer_id = $1", customer["id"])
        await conn.execute(
            "UPDATE accounts SET stripe_customer_id = NULL WHERE stripe_customer_id = $1", customer["id"]
        )
        await conn.execute("DELETE FROM payment_methods WHERE stripe_customer_id = $1", customer["id"])
        return Affected(account_id)
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
    return Affected(account_id)


async def account_of_customer(
    conn: Connection, stripe_customer_id: str, now: datetime, *, otherwise: UUID | None = None
) -> tuple[UUID, frozenset[tuple[str, str]]]:
    """The account that a customer belongs to, and what must be read to be sure of it.

    A customer that nobody knows yet brings an account along, unless the caller knows whose it is (`otherwise`); it is
    then read, for only its metadata says whether it was one of ours. The caller holds the customer's lock.
    """
    known: UUID | None = await conn.fetchval(
        """
        SELECT account_id FROM customers WHERE stripe_customer_id = $1
        UNION ALL SELECT id FROM accounts WHERE stripe_customer_id = $1
        LIMIT 1
        """,
        stripe_customer_id,
    )
    account_id = known or otherwise or await make_account(conn, now, customer_id=stripe_customer_id)
    await conn.execute(
        "INSERT INTO customers (stripe_customer_id, account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        stripe_customer_id,
        account_id,
    )
    if known is not None:
        return known, frozenset()
    await _buys_as(conn, account_id, stripe_customer_id)
    return account_id, frozenset() if otherwise else frozenset({("customer", stripe_customer_id)})


async def make_account(conn: Connection, now: datetime, *, customer_id: str | None = None) -> UUID:
    """An account for a buyer whom Stripe told us of: a user, nameless until more is known."""
    account_id = new_id()
    await conn.execute(
        "INSERT INTO accounts (id, kind, made_for_customer, created_at) VALUES ($1, 'user', $2, $3)",
        account_id,
        customer_id,
        now,
    )
    return account_id


async def _buys_as(conn: Connection, account_id: UUID, stripe_customer_id: str) -> None:
    """The account buys as this customer from now on, unless it already has another."""
    await conn.execute(
        "UPDATE accounts SET stripe_customer_id = $2 WHERE id = $1 AND stripe_customer_id IS NULL",
        account_id,
        stripe_customer_id,
    )


async def _came_with_customer(conn: Connection, account_id: UUID, stripe_customer_id: str) -> bool:
    return bool(
        await conn.fetchval("SELECT made_for_customer = $2 FROM accounts WHERE id = $1", account_id, stripe_customer_id)
    )


OF_AN_ACCOUNT = (
    "UPDATE license_timeline SET account_id = $2 WHERE license_id IN (SELECT id FROM licenses WHERE account_id = $1)",
    "UPDATE licenses SET account_id = $2 WHERE account_id = $1",
    "UPDATE orders SET account_id = $2 WHERE account_id = $1",
    "UPDATE checkout_sessions SET account_id = $2 WHERE account_id = $1",
    "UPDATE subscriptions SET account_id = $2 WHERE account_id = $1",
    "UPDATE subscription_schedules SET account_id = $2 WHERE account_id = $1",
    "UPDATE payment_methods SET account_id = $2 WHERE account_id = $1",
    "UPDATE invoices SET account_id = $2 WHERE account_id = $1",
    "UPDATE customers SET account_id = $2 WHERE account_id = $1",
    "UPDATE emails SET account_id = $2 WHERE account_id = $1",
    "UPDATE mirrors SET account_id = $2 WHERE account_id = $1",
    "UPDATE events SET account_id = $2 WHERE account_id = $1",
    "UPDATE outgoing_events SET account_id = $2 WHERE account_id = $1",
    "UPDATE deliveries SET account_id = $2 WHERE account_id = $1",
)
"""Whatever goes along when a customer turns out to be another account's."""


async def _move(conn: Connection, from_account: UUID, to_account: UUID, stripe_customer_id: str) -> None:
    """All that came with the customer is the named account's; the one that was made for it stays behind, empty."""
    for statement in OF_AN_ACCOUNT:
        await conn.execute(statement, from_account, to_account)
    await conn.execute(
        "UPDATE accounts SET stripe_customer_id = NULL, made_for_customer = NULL WHERE id = $1", from_account
    )
    await _buys_as(conn, to_account, stripe_customer_id)
    # Nobody has seen it but operators; where no key opens it and nobody signs in to it, nobody will miss it.
    await conn.execute(
        """
        DELETE FROM accounts WHERE id = $1 AND oidc_subject IS NULL
        AND NOT EXISTS (SELECT 1 FROM api_keys WHERE account_id = $1)
        """,
        from_account,
    )


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
