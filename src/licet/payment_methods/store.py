"""What a customer can pay with, as mirrored, and which of it is the default."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.kit.statuses import ENDED


@dataclass(frozen=True)
class PaymentMethodRecord:
    """A payment method that is attached to a customer of the account.

    is_default: what the next renewal is paid with (contract, section 2): the default of a subscription that has not
    ended, else the customer's.
    """

    stripe_payment_method_id: str
    stripe_customer_id: str
    type: str
    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    is_default: bool


_METHODS = """
    SELECT method.stripe_payment_method_id, method.stripe_customer_id, method.type, method.brand, method.last4,
           method.exp_month, method.exp_year,
           method.stripe_payment_method_id IS NOT DISTINCT FROM coalesce(
               (SELECT stripe_default_payment_method_id FROM subscriptions
                WHERE account_id = $1 AND status <> ALL ($2) AND stripe_default_payment_method_id IS NOT NULL
                ORDER BY created_at DESC, stripe_subscription_id LIMIT 1),
               (SELECT customer.stripe_default_payment_method_id
                FROM accounts JOIN customers AS customer USING (stripe_customer_id) WHERE accounts.id = $1)
           ) AS is_default
    FROM payment_methods AS method WHERE method.account_id = $1
"""


async def list_methods(conn: Connection, account_id: UUID) -> list[PaymentMethodRecord]:
    """All of an account's methods, the newest first."""
    rows = await conn.fetch(
        f"{_METHODS} ORDER BY method.created_at DESC, method.stripe_payment_method_id",
        account_id,
        list(ENDED),
    )
    return [_method(row) for row in rows]


async def find_method(conn: Connection, account_id: UUID, stripe_payment_method_id: str) -> PaymentMethodRecord | None:
    """One of the account's methods; None for another account's, and for one that is attached to nobody."""
    row = await conn.fetchrow(
        f"{_METHODS} AND method.stripe_payment_method_id = $3", account_id, list(ENDED), stripe_payment_method_id
    )
    return _method(row) if row else None


async def is_needed(conn: Connection, account_id: UUID, method: PaymentMethodRecord) -> bool:
    """Whether a subscription that has not ended is, or may be, paid with it: by name, or as the default."""
    return bool(
        await conn.fetchval(
            """
            SELECT EXISTS (
                SELECT 1 FROM subscriptions WHERE account_id = $1 AND status <> ALL ($2)
                    AND ($3 OR stripe_default_payment_method_id = $4)
                UNION ALL
                SELECT 1 FROM subscriptions JOIN customers USING (stripe_customer_id)
                WHERE subscriptions.account_id = $1 AND status <> ALL ($2)
                    AND subscriptions.stripe_default_payment_method_id IS NULL
                    AND customers.stripe_default_payment_method_id = $4)
            """,
            account_id,
            list(ENDED),
            method.is_default,
            method.stripe_payment_method_id,
        )
    )


def _method(row: asyncpg.Record) -> PaymentMethodRecord:
    return PaymentMethodRecord(**dict(row))
