"""Reads an account's mirrored payment methods and which one is the default."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.kit.statuses import ENDED


@dataclass(frozen=True)
class PaymentMethodRecord:
    """A payment method that is attached to a customer of the account.

    is_default: whether the next renewal is charged to it (contract, section 2). That is the default of a subscription
    that has not ended, or else the customer's default.
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
    """All payment methods of an account, newest first."""
    rows = await conn.fetch(
        f"{_METHODS} ORDER BY method.created_at DESC, method.stripe_payment_method_id",
        account_id,
        list(ENDED),
    )
    return [_method(row) for row in rows]


async def find_method(conn: Connection, account_id: UUID, stripe_payment_method_id: str) -> PaymentMethodRecord | None:
    """One payment method of the account. None if it is detached or belongs to another account."""
    row = await conn.fetchrow(
        f"{_METHODS} AND method.stripe_payment_method_id = $3", account_id, list(ENDED), stripe_payment_method_id
    )
    return _method(row) if row else None


async def is_in_use(conn: Connection, account_id: UUID, method: PaymentMethodRecord) -> bool:
    """Whether a subscription that has not ended is charged to it, by itself or as a default."""
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
