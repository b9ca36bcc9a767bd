"""Emails and outgoing events about money received: completed orders and paid invoices."""

from collections.abc import Collection, Sequence
from datetime import datetime

import asyncpg

from licet.db.connection import Connection
from licet.kit.statuses import ENTITLED
from licet.mail import subjects
from licet.notifications import store
from licet.notifications.recipients import mail_buyer
from licet.outbox.store import OutgoingEvent, publish


async def notify_order(
    conn: Connection, session: asyncpg.Record, staying: Sequence[asyncpg.Record], now: datetime
) -> None:
    """Announce an order once everything in it was issued, once per order, with the welcome email.

    session: as `orders/store.py: find_session` returns it. staying: its lines, without those that are undone as
    duplicate plans, which are never announced. Whether they are undone must be decided first.
    """
    if session["duplicate_plan"] or not staying:
        return
    if session["subscription_status"] not in ENTITLED and any(line["interval"] is not None for line in staying):
        return
    fact = str(session["order_id"])
    if await store.has_welcome_email(conn, fact):
        return
    names = sorted({line["product_name"] for line in staying})
    completed = OutgoingEvent("checkout.completed", fact, session["account_id"], {"orderId": fact})
    await publish(conn, [completed], now)
    await mail_buyer(
        conn,
        template="welcome",
        fact=fact,
        row=session,
        subject=subjects.welcome(names),
        about={"orderId": fact},
        now=now,
    )


async def notify_paid_invoices(conn: Connection, stripe_invoice_ids: Collection[str], now: datetime) -> None:
    """Announce each of the invoices that is paid, once; with a receipt unless the total is 0."""
    if not stripe_invoice_ids:
        return
    invoices = await store.list_paid_invoices(conn, stripe_invoice_ids)
    await publish(
        conn,
        [
            OutgoingEvent(
                "invoice.paid",
                invoice["stripe_invoice_id"],
                invoice["account_id"],
                {"invoiceId": invoice["stripe_invoice_id"]},
            )
            for invoice in invoices
            if not invoice["published"]
        ],
        now,
    )
    for invoice in invoices:
        if invoice["total"] > 0:
            await mail_buyer(
                conn,
                template="receipt",
                fact=invoice["stripe_invoice_id"],
                row=invoice,
                subject=subjects.receipt(invoice["number"]),
                about={"invoiceId": invoice["stripe_invoice_id"]},
                now=now,
            )
