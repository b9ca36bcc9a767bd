"""What a checkout reads of an account, and the session that it writes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from licet.checkout.session import Purchase
from licet.db.connection import Connection
from licet.db.locks import lock
from licet.db.pool import Pool
from licet.kit.statuses import ENDED
from licet.kit.times import from_epoch


@dataclass(frozen=True)
class Buyer:
    """An account, and the Stripe customer that it buys as (None until its first purchase).

    customer_deleted: Stripe has told us so. customer_is_blank: it was made, and not told e-mail and name yet.
    """

    account_id: UUID
    name: str | None
    email: str | None
    stripe_customer_id: str | None
    customer_deleted: bool
    customer_is_blank: bool


async def find_buyer(pool: Pool, account_id: UUID) -> Buyer | None:
    """The account as a buyer."""
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
    """Let the account buy as this customer; where it has come by another meanwhile, that one stays and is returned."""
    async with pool.acquire() as conn, conn.transaction():
        # The customer's own events, which may come before its maker has written it down, hold this lock too.
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
        held: str = await conn.fetchval(
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
        return held


def hash_of_secret(secret: str) -> bytes:
    """What a buyer who comes back is looked up by: the secret itself is kept nowhere."""
    return hashlib.sha256(secret.encode()).digest()


async def find_live_plans(pool: Pool, account_id: UUID, product_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Which of these products the account has a subscription of that has not ended: its Stripe id by product."""
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


async def find_had_trial(pool: Pool, account_id: UUID, product_ids: Sequence[UUID]) -> set[UUID]:
    """Of which of these products the account had a trial: by what the subscription is of now, or was bought as."""
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
    """Keep the session with its lines, in a transaction: what it says later is believed by this."""
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
