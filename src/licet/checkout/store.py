"""Reads buyers and their subscriptions; reads and writes checkout sessions and Stripe customers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from licet.checkout.session import Purchase
from licet.db.connection import Connection
from licet.db.locks import lock
from licet.db.pool import Pool
from licet.kit.statuses import ENDED
from licet.kit.times import from_epoch


@dataclass(frozen=True)
class Buyer:
    """An account with its Stripe customer (None before its first purchase).

    customer_deleted: it was deleted at Stripe. customer_is_blank: its email and name are not set yet.
    """

    account_id: UUID
    name: str | None
    email: str | None
    stripe_customer_id: str | None
    customer_deleted: bool
    customer_is_blank: bool


async def find_buyer(pool: Pool, account_id: UUID) -> Buyer | None:
    """Return an account as a buyer. None if it does not exist."""
    row = await pool.fetchrow(
        """
        SELECT account.id AS account_id, account.name, account.email, account.stripe_customer_id,
               coalesce(customer.deleted, false) AS customer_deleted,
               customer.stripe_customer_id IS NOT NULL AND customer.email IS NULL AND customer.name IS NULL
                   AND (account.email IS NOT NULL OR account.name IS NOT NULL) AS customer_is_blank
        FROM accounts AS account LEFT JOIN customers AS customer USING (stripe_customer_id)
        WHERE account.id = $1
        """,
        account_id,
    )
    return Buyer(**row) if row else None


async def write_customer(pool: Pool, buyer: Buyer, stripe_customer_id: str, instead_of: str | None) -> str:
    """Set the account's Stripe customer, unless it got another one meanwhile. Returns its customer.

    instead_of: the customer to replace.
    """
    async with pool.acquire() as conn, conn.transaction():
        # The customer's events take this lock too. They may arrive before this row is written.
        await lock(conn, [stripe_customer_id])
        await conn.execute(
            """
            INSERT INTO customers (stripe_customer_id, account_id, email, name) VALUES ($1, $2, $3, $4)
            ON CONFLICT (stripe_customer_id) DO NOTHING
            """,
            stripe_customer_id,
            buyer.account_id,
            buyer.email,
            buyer.name,
        )
        current: str = await conn.fetchval(
            """
            UPDATE accounts SET stripe_customer_id = CASE
                WHEN stripe_customer_id IS NULL OR stripe_customer_id = $3 THEN $2 ELSE stripe_customer_id END
            WHERE id = $1
            RETURNING stripe_customer_id
            """,
            buyer.account_id,
            stripe_customer_id,
            instead_of,
        )
        return current


def hash_of_secret(secret: str) -> bytes:
    """Return the hash by which a returning buyer's session is found. The secret itself is not stored."""
    return hashlib.sha256(secret.encode()).digest()


async def find_live_plans(pool: Pool, account_id: UUID, product_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The account's subscriptions to these products that have not ended: Stripe ids by product."""
    rows = await pool.fetch(
        """
        SELECT product.id, subscription.stripe_subscription_id
        FROM subscriptions AS subscription
        JOIN subscription_items AS item USING (stripe_subscription_id)
        JOIN products AS product USING (stripe_product_id)
        WHERE subscription.account_id = $1 AND subscription.status <> ALL ($2) AND product.id = ANY ($3)
        """,
        account_id,
        list(ENDED),
        list(product_ids),
    )
    return {row["id"]: row["stripe_subscription_id"] for row in rows}


async def find_other_currency(pool: Pool, account_id: UUID, currency: str) -> asyncpg.Record | None:
    """A subscription of the account in another currency, which has not ended: its Stripe id and currency."""
    return await pool.fetchrow(
        """
        SELECT subscription.stripe_subscription_id, item.currency
        FROM subscriptions AS subscription JOIN subscription_items AS item USING (stripe_subscription_id)
        WHERE subscription.account_id = $1 AND subscription.status <> ALL ($2) AND item.currency <> $3
        ORDER BY subscription.created_at, subscription.stripe_subscription_id
        LIMIT 1
        """,
        account_id,
        list(ENDED),
        currency,
    )


async def find_had_trial(pool: Pool, account_id: UUID, product_ids: Sequence[UUID]) -> set[UUID]:
    """The products of which the account had a trial.

    A subscription counts for its current products and for those that it was bought with.
    """
    rows = await pool.fetch(
        """
        SELECT product.id
        FROM subscriptions AS subscription
        CROSS JOIN LATERAL (
            SELECT item.stripe_product_id FROM subscription_items AS item
            WHERE item.stripe_subscription_id = subscription.stripe_subscription_id
            UNION
            SELECT line.stripe_product_id
            FROM checkout_sessions AS session JOIN checkout_lines AS line USING (stripe_session_id)
            WHERE session.stripe_subscription_id = subscription.stripe_subscription_id
        ) AS part
        JOIN products AS product USING (stripe_product_id)
        WHERE subscription.account_id = $1 AND subscription.trial_end_at IS NOT NULL AND product.id = ANY ($2)
        """,
        account_id,
        list(product_ids),
    )
    return {row["id"] for row in rows}


async def write_session(conn: Connection, purchase: Purchase, session: dict[str, Any], email: str | None) -> None:
    """Insert a session with its lines. Its events are trusted because of this row."""
    await _insert_session(conn, purchase, session, email)
    await conn.executemany(
        """
        INSERT INTO checkout_lines (stripe_session_id, position, stripe_price_id, stripe_product_id, quantity,
                                    unit_amount, currency, interval, interval_count)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        [
            (
                session["id"],
                position,
                line.offer.stripe_price_id,
                line.offer.stripe_product_id,
                line.quantity,
                line.offer.unit_amount,
                line.offer.currency,
                line.offer.interval,
                line.offer.interval_count,
            )
            for position, line in enumerate(purchase.cart)
        ],
    )


async def _insert_session(conn: Connection, purchase: Purchase, session: dict[str, Any], email: str | None) -> None:
    await conn.execute(
        """
        INSERT INTO checkout_sessions (stripe_session_id, account_id, order_id, made_here, mode, status, payment_status,
                                       stripe_customer_id, customer_email, amount_total, currency, url, lines_known,
                                       created_at, expires_at, one_plan, token_hash)
        VALUES ($1, $2, $3, true, $4, $5, $6, $7, $8, $9, $10, $11, true, $12, $13, $14, $15)
        """,
        session["id"],
        purchase.account_id,
        purchase.order_id,
        session["mode"],
        session["status"],
        session["payment_status"],
        session["customer"],
        (session.get("customer_details") or {}).get("email") or email,
        session["amount_total"],
        session["currency"],
        session["url"],
        from_epoch(session["created"]),
        from_epoch(session["expires_at"]),
        purchase.one_plan,
        purchase.secret and hash_of_secret(purchase.secret),
    )


async def find_session_of_secret(pool: Pool, secret: str) -> asyncpg.Record | None:
    """A session that Licet created, found by its id or the secret of its return URL.

    duplicate: whether a plan in it appears to duplicate an older plan, and this is not decided yet.
    stripe_product_id, stripe_price_id, interval: of its first line that is not undone as a duplicate plan; null if all
    are.
    by_token: whether it was found by the secret.
    """
    return await pool.fetchrow(
        """
        SELECT session.stripe_session_id, session.account_id, session.status, session.payment_status,
               session.payment_failed, session.stripe_subscription_id, session.expires_at,
               subscription.status AS subscription_status, line.stripe_product_id, line.stripe_price_id, line.interval,
               duplicate.due_at IS NOT NULL AS duplicate,
               session.token_hash IS NOT DISTINCT FROM $2 AS by_token
        FROM checkout_sessions AS session
        LEFT JOIN subscriptions AS subscription USING (stripe_subscription_id)
        LEFT JOIN second_plans AS duplicate USING (stripe_subscription_id)
        LEFT JOIN LATERAL (
            SELECT stripe_product_id, stripe_price_id, interval FROM checkout_lines
            WHERE stripe_session_id = session.stripe_session_id
                AND stripe_product_id <> ALL (coalesce(duplicate.stripe_product_ids, '{}'))
            ORDER BY position LIMIT 1) AS line ON true
        WHERE session.made_here AND (session.stripe_session_id = $1 OR session.token_hash = $2)
        """,
        secret,
        hash_of_secret(secret),
    )


async def is_mirrored(pool: Pool, stripe_subscription_id: str) -> bool:
    """Whether the subscription is mirrored."""
    return bool(
        await pool.fetchval(
            "SELECT EXISTS (SELECT 1 FROM subscriptions WHERE stripe_subscription_id = $1)", stripe_subscription_id
        )
    )
