"""Emails and outgoing events about money received: completed orders and paid invoices."""

from collections.abc import Collection
from datetime import datetime

import asyncpg

from licet.db.connection import Connection
from licet.kit.statuses import ENTITLED
from licet.mail import subjects
from licet.notifications import store
from licet.notifications.recipients import mail_buyer
from licet.outbox.store import OutgoingEvent, publish


async def notify_order(conn: Connection, session: asyncpg.Record, now: datetime) -> None:
    """Announce an order once everything in it was issued, once per order, with the welcome email.

    session: as `orders/store.py: find_session` returns it. A plan that duplicates an older one is not announced,
    because it is being undone.
    """
    if session["stripe_subscription_id"] is not None and session["subscription_status"] not in ENTITLED:
        return
    if session["duplicate_plan"]:
        return
    fact = str(session["order_id"])
    if await store.has_welcome_email(conn, fact):
        return
    names = await store.list_session_product_names(conn, session["stripe_session_id"])
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
