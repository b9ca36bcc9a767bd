"""Word of money that goes back."""

from datetime import datetime

from licet.db.connection import Connection
from licet.kit.affected import Affected
from licet.notifications.recipients import mail_buyer
from licet.outbox import OutgoingEvent, publish
from licet.refunds.mirror import FAILED


async def announce_refunds(conn: Connection, affected: Affected, now: datetime) -> None:
    """Each refund that is on its way on what was affected, once it is known whose payment it was."""
    if not affected.payment_intents and not affected.charges and not affected.invoices:
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
        SELECT DISTINCT ON (stripe_refund_id) stripe_refund_id, payer.account_id, payer.customer_email,
               EXISTS (
                   SELECT 1 FROM outgoing_events WHERE event = 'charge.refunded' AND fact = stripe_refund_id) AS told
        FROM refund JOIN payer USING (stripe_refund_id)
        WHERE status <> ALL ($4) AND status <> 'requires_action' AND payer.account_id IS NOT NULL
        ORDER BY stripe_refund_id, payer.customer_email NULLS LAST
        """,
        list(affected.payment_intents),
        list(affected.charges),
        list(affected.invoices),
        FAILED,
    )
    await publish(
        conn,
        [
            OutgoingEvent(
                "charge.refunded", row["stripe_refund_id"], row["account_id"], {"refundId": row["stripe_refund_id"]}
            )
            for row in rows
            if not row["told"]
        ],
        now,
    )
    for row in rows:
        await mail_buyer(
            conn,
            template="refund",
            fact=row["stripe_refund_id"],
            row=row,
            subject="Your refund is on its way",
            about={"refundId": row["stripe_refund_id"]},
            now=now,
        )
