"""Emails and outgoing events about refunds."""

from datetime import datetime

from licet.db.connection import Connection
from licet.kit.affected import Affected
from licet.mail import subjects
from licet.notifications import store
from licet.notifications.recipients import mail_buyer
from licet.outbox.store import OutgoingEvent, publish


async def notify_refunds(conn: Connection, affected: Affected, now: datetime) -> None:
    """Announce each affected refund, once, as soon as its payer is known."""
    if not affected.payment_intents and not affected.charges and not affected.invoices:
        return
    refunds = await store.list_refunds_on_their_way(conn, affected)
    await publish(
        conn,
        [
            OutgoingEvent(
                "charge.refunded",
                refund["stripe_refund_id"],
                refund["account_id"],
                {"refundId": refund["stripe_refund_id"]},
            )
            for refund in refunds
            if not refund["published"]
        ],
        now,
    )
    for refund in refunds:
        await mail_buyer(
            conn,
            template="refund",
            fact=refund["stripe_refund_id"],
            row=refund,
            subject=subjects.REFUND,
            about={"refundId": refund["stripe_refund_id"]},
            now=now,
        )
