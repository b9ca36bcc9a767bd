"""Word of a payment that did not go through."""

from datetime import datetime

from licet.db.connection import Connection
from licet.notifications.recipients import mail_buyer
from licet.outbox import OutgoingEvent, publish

SUBJECT = "Your payment did not go through"


async def announce_failed_invoice(conn: Connection, stripe_invoice_id: str, attempt: int, now: datetime) -> None:
    """One per invoice and attempt; none any more once it was paid, given up or tried again."""
    row = await conn.fetchrow(
        """
        SELECT stripe_invoice_id, number, account_id, customer_email FROM invoices
        WHERE stripe_invoice_id = $1 AND status IN ('draft', 'open') AND attempt_count <= $2
        """,
        stripe_invoice_id,
        attempt,
    )
    if row is None:
        return
    fact = f"{stripe_invoice_id}:{attempt}"
    about: dict[str, str | int] = {"invoiceId": stripe_invoice_id, "attempt": attempt}
    await publish(conn, [OutgoingEvent("payment.failed", fact, row["account_id"], about)], now)
    await mail_buyer(conn, template="payment_failed", fact=fact, row=row, subject=SUBJECT, about=about, now=now)


async def announce_failed_checkout(conn: Connection, stripe_session_id: str, now: datetime) -> None:
    """One per session that is still open, with the link to try again."""
    row = await conn.fetchrow(
        """
        SELECT stripe_session_id, account_id, customer_email FROM checkout_sessions
        WHERE stripe_session_id = $1 AND status = 'open'
        """,
        stripe_session_id,
    )
    if row is None:
        return
    about: dict[str, str | int] = {"sessionId": stripe_session_id}
    await publish(conn, [OutgoingEvent("payment.failed", stripe_session_id, row["account_id"], about)], now)
    await mail_buyer(
        conn, template="payment_failed", fact=stripe_session_id, row=row, subject=SUBJECT, about=about, now=now
    )


async def announce_failed_later(conn: Connection, stripe_session_id: str, now: datetime) -> None:
    """A payment that was to settle later has failed, once per session; its buyer hears of that from his bank."""
    account_id = await conn.fetchval(
        "SELECT account_id FROM checkout_sessions WHERE stripe_session_id = $1 AND payment_failed", stripe_session_id
    )
    if account_id is not None:
        # A card that was refused in the same checkout before is a fact of its own.
        fact = f"{stripe_session_id}:later"
        await publish(conn, [OutgoingEvent("payment.failed", fact, account_id, {"sessionId": stripe_session_id})], now)
