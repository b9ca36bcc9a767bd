"""What a buyer is told by mail: one per business fact, however often and in whatever order it is learnt."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import asyncpg
import structlog

from licet.db.connection import Connection
from licet.kit.statuses import ENDED, ENTITLED
from licet.kit.touched import Touched
from licet.mail.store import queue_mail
from licet.refunds.mirror import FAILED

log = structlog.get_logger(__name__)


async def welcome(conn: Connection, session: asyncpg.Record, now: datetime) -> None:
    """The keys and how to activate them, once per order, when all of it could be issued."""
    if session["stripe_subscription_id"] is not None and session["subscription_status"] not in ENTITLED:
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


async def refunds(conn: Connection, touched: Touched, now: datetime) -> None:
    """Word of each refund that is on its way on what was touched, once it is known whose payment it was."""
    if not touched.payment_intents and not touched.charges and not touched.invoices:
        return
    rows = await conn.fetch(
        """
        WITH refund AS (
            SELECT * FROM refunds WHERE stripe_payment_intent_id = ANY ($1)
            UNION SELECT * FROM refunds WHERE stripe_charge_id = ANY ($2)
            UNION SELECT refunds.* FROM invoice_payments JOIN refunds USING (stripe_payment_intent_id)
                  WHERE stripe_invoice_id = ANY ($3)
            UNION SELECT refunds.* FROM invoice_payments JOIN refunds USING (stripe_charge_id)
                  WHERE stripe_invoice_id = ANY ($3)
        ), payer AS (
            SELECT refund.stripe_refund_id, invoice.account_id, invoice.customer_email
            FROM refund JOIN invoice_payments USING (stripe_payment_intent_id)
            JOIN invoices AS invoice USING (stripe_invoice_id)
            UNION ALL
            SELECT refund.stripe_refund_id, invoice.account_id, invoice.customer_email
            FROM refund JOIN invoice_payments USING (stripe_charge_id)
            JOIN invoices AS invoice USING (stripe_invoice_id)
            UNION ALL
            SELECT refund.stripe_refund_id, session.account_id, session.customer_email
            FROM refund JOIN checkout_sessions AS session USING (stripe_payment_intent_id)
        )
        SELECT DISTINCT ON (stripe_refund_id) stripe_refund_id, payer.account_id, payer.customer_email
        FROM refund JOIN payer USING (stripe_refund_id)
        WHERE status <> ALL ($4) AND status <> 'requires_action' AND payer.account_id IS NOT NULL
        ORDER BY stripe_refund_id, payer.customer_email NULLS LAST
        """,
        list(touched.payment_intents),
        list(touched.charges),
        list(touched.invoices),
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


async def cancellations(conn: Connection, stripe_subscription_ids: Collection[str], now: datetime) -> None:
    """Word of each end that is scheduled, once for each date, and of each that has come.

    What was never paid for ends unannounced.
    """
    if not stripe_subscription_ids:
        return
    rows = await conn.fetch(
        """
        SELECT stripe_subscription_id, account_id, NULL AS customer_email, status, cancel_at_period_end, cancel_at,
               (SELECT min(current_period_end_at) FROM subscription_items AS item
                WHERE item.stripe_subscription_id = subscription.stripe_subscription_id) AS period_end_at
        FROM subscriptions AS subscription
        WHERE stripe_subscription_id = ANY ($1)
            AND (status = 'canceled'
                 OR status <> ALL ($2) AND (cancel_at_period_end OR cancel_at IS NOT NULL))
        ORDER BY stripe_subscription_id
        """,
        list(stripe_subscription_ids),
        list(ENDED),
    )
    for row in rows:
        ended = row["status"] in ENDED
        at = row["cancel_at"] or row["period_end_at"]
        subscription_id = row["stripe_subscription_id"]
        await _queue(
            conn,
            template="cancellation",
            fact=f"{subscription_id}:ended" if ended else f"{subscription_id}:{at and int(at.timestamp())}",
            row=row,
            subject="Your subscription has ended" if ended else "Your subscription will end",
            about={"subscriptionId": subscription_id},
            now=now,
        )


async def second_plan(
    conn: Connection, stripe_subscription_id: str, account_id: UUID, to: str | None, now: datetime
) -> None:
    """Word to the operator that a plan was bought twice and the second purchase is undone. to: None is nobody."""
    if to is None:
        log.warning("mail_without_address", template="second_plan", fact=stripe_subscription_id)
        return
    await queue_mail(
        conn,
        template="second_plan",
        fact=stripe_subscription_id,
        to=to,
        account_id=account_id,
        subject="A plan was bought twice: the second purchase is undone",
        about={"subscriptionId": stripe_subscription_id},
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
