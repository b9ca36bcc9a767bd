"""What a buyer is told by mail: one per business fact, however often and in whatever order it is learnt."""

from collections.abc import Collection
from datetime import datetime

import asyncpg
import structlog

from licet.db.connection import Connection
from licet.mail.store import queue_mail
from licet.refunds.mirror import FAILED

log = structlog.get_logger(__name__)


async def welcome(conn: Connection, session: asyncpg.Record, now: datetime) -> None:
    """The keys and how to activate them, once per order, when all of it could be issued."""
    if session["stripe_subscription_id"] is not None and session["subscription_status"] is None:
        return
    fact = str(session["order_id"])
    if await conn.fetchval("SELECT EXISTS (SELECT 1 FROM emails WHERE template = 'welcome' AND fact = $1)", fact):
        return
    names = await conn.fetch(
        """
        SELECT DISTINCT product.name FROM checkout_lines JOIN products AS product USING (stripe_product_id)
        WHERE stripe_session_id = $1 ORDER BY product.name
        """,
        session["stripe_session_id"],
    )
    await _queue(
        conn,
        template="welcome",
        fact=fact,
        row=session,
        subject=f"Welcome to {', '.join(row['name'] for row in names)}",
        about={"orderId": str(session["order_id"])},
        now=now,
    )


async def receipts(conn: Connection, stripe_invoice_ids: Collection[str], now: datetime) -> None:
    """A receipt for each paid invoice, none for a total of 0."""
    if not stripe_invoice_ids:
        return
    rows = await conn.fetch(
        """
        SELECT stripe_invoice_id, number, account_id, customer_email FROM invoices
        WHERE stripe_invoice_id = ANY ($1) AND status = 'paid' AND total > 0 ORDER BY stripe_invoice_id
        """,
        list(stripe_invoice_ids),
    )
    for row in rows:
        await _queue(
            conn,
            template="receipt",
            fact=row["stripe_invoice_id"],
            row=row,
            subject=f"Your receipt {row['number'] or ''}".rstrip(),
            about={"invoiceId": row["stripe_invoice_id"]},
            now=now,
        )


async def refunds(
    conn: Connection, payment_intent_ids: Collection[str], charge_ids: Collection[str], now: datetime
) -> None:
    """Word of each refund on these payments that is on its way, once it is known whose they were."""
    if not payment_intent_ids and not charge_ids:
        return
    rows = await conn.fetch(
        """
        SELECT refund.stripe_refund_id,
               coalesce(invoice.account_id, session.account_id) AS account_id,
               coalesce(invoice.customer_email, session.customer_email) AS customer_email
        FROM refunds AS refund
        LEFT JOIN LATERAL (
            SELECT invoice.account_id, invoice.customer_email
            FROM invoice_payments AS payment JOIN invoices AS invoice USING (stripe_invoice_id)
            WHERE payment.stripe_payment_intent_id = refund.stripe_payment_intent_id
               OR payment.stripe_charge_id = refund.stripe_charge_id
            LIMIT 1) AS invoice ON true
        LEFT JOIN LATERAL (
            SELECT account_id, customer_email FROM checkout_sessions
            WHERE stripe_payment_intent_id = refund.stripe_payment_intent_id LIMIT 1) AS session ON true
        WHERE (refund.stripe_payment_intent_id = ANY ($1) OR refund.stripe_charge_id = ANY ($2))
          AND refund.status <> ALL ($3) AND refund.status <> 'requires_action'
          AND coalesce(invoice.account_id, session.account_id) IS NOT NULL
        ORDER BY refund.stripe_refund_id
        """,
        list(payment_intent_ids),
        list(charge_ids),
        FAILED,
    )
    for row in rows:
        await _queue(
            conn,
            template="refund",
            fact=row["stripe_refund_id"],
            row=row,
            subject="Your refund is on its way",
            about={"refundId": row["stripe_refund_id"]},
            now=now,
        )


async def failed_invoice(conn: Connection, stripe_invoice_id: str, attempt: int, now: datetime) -> None:
    """A payment failure, one per invoice and attempt; none any more once it was paid, given up or tried again."""
    row = await conn.fetchrow(
        """
        SELECT stripe_invoice_id, number, account_id, customer_email FROM invoices
        WHERE stripe_invoice_id = $1 AND status IN ('draft', 'open') AND attempt_count <= $2
        """,
        stripe_invoice_id,
        attempt,
    )
    if row is not None:
        await _queue(
            conn,
            template="payment_failed",
            fact=f"{stripe_invoice_id}:{attempt}",
            row=row,
            subject="Your payment did not go through",
            about={"invoiceId": stripe_invoice_id, "attempt": attempt},
            now=now,
        )


async def failed_checkout(conn: Connection, stripe_session_id: str, now: datetime) -> None:
    """A payment failure in a checkout that is still open, one per session, with the link to try again."""
    row = await conn.fetchrow(
        """
        SELECT stripe_session_id, account_id, customer_email FROM checkout_sessions
        WHERE stripe_session_id = $1 AND status = 'open'
        """,
        stripe_session_id,
    )
    if row is not None:
        await _queue(
            conn,
            template="payment_failed",
            fact=stripe_session_id,
            row=row,
            subject="Your payment did not go through",
            about={"sessionId": stripe_session_id},
            now=now,
        )


async def _queue(
    conn: Connection,
    *,
    template: str,
    fact: str,
    row: asyncpg.Record,
    subject: str,
    about: dict[str, object],
    now: datetime,
) -> None:
    """Queue one mail to the purchase's address, else to the account's. Nobody to write to is said in the log."""
    to = row["customer_email"] or await conn.fetchval(
        """
        SELECT coalesce(account.email, customer.email) FROM accounts AS account
        LEFT JOIN customers AS customer USING (stripe_customer_id) WHERE account.id = $1
        """,
        row["account_id"],
    )
    if to is None:
        log.warning("mail_without_address", template=template, fact=fact)
        return
    await queue_mail(
        conn,
        template=template,
        fact=fact,
        to=to,
        account_id=row["account_id"],
        subject=subject,
        about=about,
        now=now,
    )
