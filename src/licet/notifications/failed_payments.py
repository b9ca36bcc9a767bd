"""Emails and outgoing events about payments that failed."""

from datetime import datetime

from licet.db.connection import Connection
from licet.mail import subjects
from licet.notifications import store
from licet.notifications.recipients import mail_buyer
from licet.outbox.store import OutgoingEvent, publish


async def notify_failed_invoice(conn: Connection, stripe_invoice_id: str, attempt: int, now: datetime) -> None:
    """Announce a failed attempt to pay an invoice, once per attempt.

    Does nothing if the invoice was paid, closed or attempted again in the meantime.
    """
    invoice = await store.find_unpaid_invoice(conn, stripe_invoice_id, attempt)
    if invoice is None:
        return
    fact = f"{stripe_invoice_id}:{attempt}"
    about: dict[str, str | int] = {"invoiceId": stripe_invoice_id, "attempt": attempt}
    await publish(conn, [OutgoingEvent("payment.failed", fact, invoice["account_id"], about)], now)
    await mail_buyer(
        conn,
        template="payment_failed",
        fact=fact,
        row=invoice,
        subject=subjects.PAYMENT_FAILED,
        about=about,
        now=now,
    )


async def notify_failed_checkout(conn: Connection, stripe_session_id: str, now: datetime) -> None:
    """Announce a failed payment on the checkout page, once per session, while the session is open."""
    session = await store.find_open_session(conn, stripe_session_id)
    if session is None:
        return
    about: dict[str, str | int] = {"sessionId": stripe_session_id}
    await publish(conn, [OutgoingEvent("payment.failed", stripe_session_id, session["account_id"], about)], now)
    await mail_buyer(
        conn,
        template="payment_failed",
        fact=stripe_session_id,
        row=session,
        subject=subjects.PAYMENT_FAILED,
        about=about,
        now=now,
    )


async def notify_failed_delayed_payment(conn: Connection, stripe_session_id: str, now: datetime) -> None:
    """Announce that a delayed payment of a checkout failed, once per session.

    No email is sent, because the buyer's bank informs the buyer.
    """
    account_id = await store.find_account_of_failed_session(conn, stripe_session_id)
    if account_id is not None:
        # A card that was declined earlier in the same checkout is a separate fact.
        fact = f"{stripe_session_id}:later"
        await publish(conn, [OutgoingEvent("payment.failed", fact, account_id, {"sessionId": stripe_session_id})], now)
