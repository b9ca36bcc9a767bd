"""Word of money that came: an order that is issued, an invoice that is paid."""

from collections.abc import Collection
from datetime import datetime

import asyncpg

from licet.db.connection import Connection
from licet.kit.statuses import ENTITLED
from licet.notifications.recipients import mail_buyer
from licet.outbox import OutgoingEvent, publish


async def announce_order(conn: Connection, session: asyncpg.Record, now: datetime) -> None:
    """The keys and how to activate them, once per order, when all of it could be issued.

    None for a plan that is being undone, since it was bought a second time.
    """
    if session["stripe_subscription_id"] is not None and session["subscription_status"] not in ENTITLED:
        return
    if session["second_plan"]:
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
    completed = OutgoingEvent("checkout.completed", fact, session["account_id"], {"orderId": fact})
    await publish(conn, [completed], now)
    await mail_buyer(
        conn,
        template="welcome",
        fact=fact,
        row=session,
        subject=f"Welcome to {', '.join(row['name'] for row in names)}",
        about={"orderId": fact},
        now=now,
    )


async def announce_paid(conn: Connection, stripe_invoice_ids: Collection[str], now: datetime) -> None:
    """Each invoice that is paid; a receipt goes with it, but for a total of 0."""
    if not stripe_invoice_ids:
        return
    rows = await conn.fetch(
        """
        SELECT stripe_invoice_id, number, account_id, customer_email, total,
               EXISTS (SELECT 1 FROM outgoing_events WHERE event = 'invoice.paid' AND fact = stripe_invoice_id) AS told
        FROM invoices WHERE stripe_invoice_id = ANY ($1) AND status = 'paid' ORDER BY stripe_invoice_id
        """,
        list(stripe_invoice_ids),
    )
    await publish(
        conn,
        [
            OutgoingEvent(
                "invoice.paid", row["stripe_invoice_id"], row["account_id"], {"invoiceId": row["stripe_invoice_id"]}
            )
            for row in rows
            if not row["told"]
        ],
        now,
    )
    for row in rows:
        if row["total"] > 0:
            await mail_buyer(
                conn,
                template="receipt",
                fact=row["stripe_invoice_id"],
                row=row,
                subject=f"Your receipt {row['number'] or ''}".rstrip(),
                about={"invoiceId": row["stripe_invoice_id"]},
                now=now,
            )
