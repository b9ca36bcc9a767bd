"""Copies a Stripe customer to a row, and creates an account for a customer that has none.

Accounts and customers are joined by ids only, `metadata.account_id` or a stored row, never by email.
"""

from datetime import datetime
from uuid import UUID

from licet.db.connection import Connection
from licet.kit.affected import Affected
from licet.kit.ids import new_id
from licet.kit.stripe_objects import StripeObject, id_of
from licet.kit.versions import Rank, Version


async def mirror_customer(conn: Connection, customer: StripeObject, version: Version) -> Affected:
    """Stores the fields of a customer that are shown and mailed.

    A deleted customer's row stays, as do its purchases. If an event of a purchase arrived first and created an account,
    that account's purchases move to the account that the customer's metadata names.
    """
    account_id, _ = await get_or_create_account(conn, customer["id"], version.time)
    named = await _find_named(conn, _named_account(customer))
    if named is not None and named != account_id and await _was_created_for(conn, account_id, customer["id"]):
        await _move_purchases(conn, account_id, named, customer["id"])
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
    # An account that was created for its customer takes the customer's name and email address.
    await conn.execute(
        "UPDATE accounts SET name = coalesce(name, $2), email = coalesce(email, $3) WHERE id = $1",
        account_id,
        customer.get("name"),
        customer.get("email"),
    )
    return Affected(account_id)


async def get_or_create_account(
    conn: Connection, stripe_customer_id: str, now: datetime, *, otherwise: UUID | None = None
) -> tuple[UUID, frozenset[tuple[str, str]]]:
    """Returns the account of a customer, and the Stripe objects that must be read to confirm it.

    For an unknown customer it uses `otherwise`, or else creates an account. In the second case the customer must be
    read, because its metadata may name an existing account. The caller holds the customer's lock.
    """
    known: UUID | None = await conn.fetchval(
        """
        SELECT account_id FROM customers WHERE stripe_customer_id = $1
        UNION ALL SELECT id FROM accounts WHERE stripe_customer_id = $1
        LIMIT 1
        """,
        stripe_customer_id,
    )
    account_id = known or otherwise or await create_customer_account(conn, now, customer_id=stripe_customer_id)
    await conn.execute(
        "INSERT INTO customers (stripe_customer_id, account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        stripe_customer_id,
        account_id,
    )
    if known is not None:
        return known, frozenset()
    await _set_customer(conn, account_id, stripe_customer_id)
    return account_id, frozenset() if otherwise else frozenset({("customer", stripe_customer_id)})


async def create_customer_account(conn: Connection, now: datetime, *, customer_id: str | None = None) -> UUID:
    """Creates an account of kind user, without a name, for a Stripe customer that has no account."""
    account_id = new_id()
    await conn.execute(
        "INSERT INTO accounts (id, kind, made_for_customer, created_at) VALUES ($1, 'user', $2, $3)",
        account_id,
        customer_id,
        now,
    )
    return account_id


async def _set_customer(conn: Connection, account_id: UUID, stripe_customer_id: str) -> None:
    """Sets the Stripe customer that the account buys as, unless it already has one."""
    await conn.execute(
        "UPDATE accounts SET stripe_customer_id = $2 WHERE id = $1 AND stripe_customer_id IS NULL",
        account_id,
        stripe_customer_id,
    )


async def _was_created_for(conn: Connection, account_id: UUID, stripe_customer_id: str) -> bool:
    return bool(
        await conn.fetchval("SELECT made_for_customer = $2 FROM accounts WHERE id = $1", account_id, stripe_customer_id)
    )


MOVE_STATEMENTS = (
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
"""Moves everything that belongs to an account ($1) to another one ($2), which turned out to own its customer."""


async def _move_purchases(conn: Connection, from_account: UUID, to_account: UUID, stripe_customer_id: str) -> None:
    """Moves everything stored for the customer to the named account, and deletes the empty account."""
    for statement in MOVE_STATEMENTS:
        await conn.execute(statement, from_account, to_account)
    await conn.execute(
        "UPDATE accounts SET stripe_customer_id = NULL, made_for_customer = NULL WHERE id = $1", from_account
    )
    await _set_customer(conn, to_account, stripe_customer_id)
    # Only operators have seen the empty account. It stays if it has an API key or a subject that signs in to it.
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
        # A vendor may use the same metadata key for something else.
        return None
