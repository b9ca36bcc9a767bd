"""Copies Stripe checkout sessions into the database: buyer, lines and payment status.

Sessions created by Licet are stored with their lines before the buyer sees them. A session created elsewhere (a payment
link, Stripe's dashboard) is read with its lines; fields that its buyer could have set are not trusted.
"""

from uuid import UUID

import asyncpg

from licet.accounts.mirror import create_customer_account, get_or_create_account
from licet.db.connection import Connection
from licet.kit.affected import Affected, ids
from licet.kit.ids import new_id
from licet.kit.stripe_objects import StripeObject, id_of, product_of_price
from licet.kit.times import from_epoch
from licet.kit.versions import Version
from licet.orders.core import PAID_STATUSES


async def mirror_session(conn: Connection, session: StripeObject, version: Version) -> Affected:
    """Store the outcome of a checkout; request a read of its subscription if that is not mirrored yet."""
    if session["status"] is None:
        # Stripe's description allows null.
        session = {**session, "status": "complete" if session["payment_status"] in PAID_STATUSES else "open"}
    if session["mode"] == "setup":
        return Affected(ignored="a session in setup mode buys nothing")
    known = await _find(conn, session["id"])
    if known is None and session["status"] != "complete":
        return Affected(ignored="a session that was created elsewhere and is not complete")
    account_id, account_reads = await _account(conn, session, known, version)
    if known is None:
        await _insert(conn, session, account_id)
    await _update(conn, session)
    lines_known = bool(known and known["lines_known"])
    if not lines_known and "line_items" in session:
        await _insert_lines(conn, session)
        lines_known = True
    reads = set(account_reads)
    if not lines_known:
        reads.add(("checkout.session", session["id"]))
    subscription_id = id_of(session.get("subscription"))
    if subscription_id and not await _has_subscription(conn, subscription_id):
        reads.add(("subscription", subscription_id))
    return Affected(
        account_id,
        sessions=ids(session["id"]),
        subscriptions=ids(subscription_id),
        payment_intents=ids(id_of(session.get("payment_intent"))),
        reads=frozenset(reads),
    )


async def mark_payment_failed(conn: Connection, stripe_session_id: str) -> None:
    """Record that a delayed payment failed. Only the event type shows it; the session is unchanged."""
    await conn.execute(
        "UPDATE checkout_sessions SET payment_failed = true WHERE stripe_session_id = $1", stripe_session_id
    )


async def _find(conn: Connection, stripe_session_id: str) -> asyncpg.Record | None:
    return await conn.fetchrow(
        "SELECT account_id, lines_known FROM checkout_sessions WHERE stripe_session_id = $1", stripe_session_id
    )


async def _account(
    conn: Connection, session: StripeObject, known: asyncpg.Record | None, version: Version
) -> tuple[UUID, frozenset[tuple[str, str]]]:
    """Return the buying account and reads to request.

    The account is the row's, else the customer's, else a new one for a guest.
    """
    account_id: UUID | None = known["account_id"] if known else None
    customer_id = id_of(session.get("customer"))
    if customer_id is not None:
        of_customer, reads = await get_or_create_account(conn, customer_id, version.time, otherwise=account_id)
        return account_id or of_customer, reads
    return account_id or await create_customer_account(conn, version.time), frozenset()


async def _insert(conn: Connection, session: StripeObject, account_id: UUID) -> None:
    await conn.execute(
        """
        INSERT INTO checkout_sessions (
            stripe_session_id, account_id, order_id, made_here, mode, status, payment_status, amount_total, lines_known,
            created_at, expires_at, payment_failed)
        VALUES ($1, $2, $3, false, $4, $5, $6, $7, false, $8, $9, EXISTS (
            -- The event may have come before the session was read.
            SELECT 1 FROM events WHERE type = 'checkout.session.async_payment_failed' AND stripe_object_id = $1))
        """,
        session["id"],
        account_id,
        new_id(),
        session["mode"],
        session["status"],
        session["payment_status"],
        session.get("amount_total") or 0,
        from_epoch(session["created"]),
        from_epoch(session["expires_at"]),
    )


async def _update(conn: Connection, session: StripeObject) -> None:
    await conn.execute(
        """
        UPDATE checkout_sessions SET
            status = $2, payment_status = $3, stripe_customer_id = $4, stripe_payment_intent_id = $5,
            stripe_subscription_id = $6, stripe_invoice_id = $7, customer_email = coalesce($8, customer_email),
            amount_total = $9, currency = $10
        WHERE stripe_session_id = $1
        """,
        session["id"],
        session["status"],
        session["payment_status"],
        id_of(session.get("customer")),
        id_of(session.get("payment_intent")),
        id_of(session.get("subscription")),
        id_of(session.get("invoice")),
        (session.get("customer_details") or {}).get("email") or session.get("customer_email"),
        session.get("amount_total") or 0,
        session.get("currency"),
    )


async def _insert_lines(conn: Connection, session: StripeObject) -> None:
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
                line["price"]["id"],
                product_of_price(line["price"]),
                line.get("quantity") or 1,
                line["price"].get("unit_amount") or 0,
                line["currency"],
                (line["price"].get("recurring") or {}).get("interval"),
                (line["price"].get("recurring") or {}).get("interval_count"),
            )
            for position, line in enumerate(session["line_items"]["data"])
        ],
    )
    await conn.execute("UPDATE checkout_sessions SET lines_known = true WHERE stripe_session_id = $1", session["id"])


async def _has_subscription(conn: Connection, stripe_subscription_id: str) -> bool:
    return bool(
        await conn.fetchval(
            "SELECT exists(SELECT 1 FROM subscriptions WHERE stripe_subscription_id = $1)", stripe_subscription_id
        )
    )
