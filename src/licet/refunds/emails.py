"""What the refund letter says, read from the refund's id when it is sent or shown."""

from typing import Any

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.errors import NotFound
from licet.refunds.mirror import FAILED


async def gather_refund(conn: Connection, _: Keyring, about: dict[str, Any]) -> dict[str, Any]:
    """`{name, number, amount, currency, created_at, failed}`. about: `{"refundId"}`.

    `number` is that of the invoice which the payment paid, where that is known. Raises NotFound for an unknown refund.
    """
    row = await conn.fetchrow(
        """
        SELECT refund.amount, refund.currency, refund.created_at, refund.status, invoice.number, account.name
        FROM refunds AS refund
        LEFT JOIN LATERAL (
            SELECT invoice.number, invoice.account_id
            FROM invoice_payments AS payment JOIN invoices AS invoice USING (stripe_invoice_id)
            WHERE payment.stripe_payment_intent_id = refund.stripe_payment_intent_id
               OR payment.stripe_charge_id = refund.stripe_charge_id
            LIMIT 1) AS invoice ON true
        LEFT JOIN LATERAL (
            SELECT account_id FROM checkout_sessions
            WHERE stripe_payment_intent_id = refund.stripe_payment_intent_id LIMIT 1) AS session ON true
        LEFT JOIN accounts AS account ON account.id = coalesce(invoice.account_id, session.account_id)
        WHERE refund.stripe_refund_id = $1
        """,
        about["refundId"],
    )
    if row is None:
        raise NotFound(f"There is no refund {about['refundId']} to write about.")
    return {
        "name": row["name"],
        "number": row["number"],
        "amount": row["amount"],
        "currency": row["currency"],
        "created_at": row["created_at"],
        "failed": row["status"] in FAILED,
    }
