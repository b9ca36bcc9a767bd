"""What is told of money that goes back."""

from typing import Any
from uuid import UUID

from pydantic import Field

from licet.db.connection import Connection
from licet.errors import NotFound
from licet.http.context import Context
from licet.http.shapes import ResponseBody


class ChargeRefunded(ResponseBody):
    """A refund, and what it was paid for. What is not known, or does not apply, is null."""

    refund_id: str = Field(examples=["re_1QxYz"])
    amount: int = Field(description="Of this refund, in the currency's minor unit.", examples=[14900])
    currency: str = Field(examples=["usd"])
    status: str = Field(
        description="Stripe's: pending, requires_action, succeeded, failed or canceled.", examples=["succeeded"]
    )
    account_id: UUID | None
    invoice_id: str | None = Field(examples=["in_1QxYz"])
    subscription_id: str | None = Field(examples=["sub_1QxYz"])
    order_id: UUID | None = Field(description="Where it was the order's own payment; a renewal's is none.")


async def refunded_charge(_: Context, conn: Connection, about: dict[str, Any]) -> ChargeRefunded:
    """about: `{"refundId"}`. Raises NotFound where there is no such refund."""
    row = await conn.fetchrow(
        """
        WITH refund AS (
            SELECT * FROM refunds WHERE stripe_refund_id = $1
        ), invoice AS (
            SELECT invoices.account_id, stripe_invoice_id, stripe_subscription_id
            FROM (
                SELECT stripe_invoice_id FROM refund JOIN invoice_payments USING (stripe_payment_intent_id)
                UNION SELECT stripe_invoice_id FROM refund JOIN invoice_payments USING (stripe_charge_id)
            ) AS paid JOIN invoices USING (stripe_invoice_id) LIMIT 1
        ), bought AS (
            SELECT orders.account_id, orders.id AS order_id
            FROM (
                SELECT stripe_session_id FROM refund JOIN checkout_sessions USING (stripe_payment_intent_id)
                UNION SELECT stripe_session_id FROM invoice JOIN checkout_sessions USING (stripe_invoice_id)
            ) AS session JOIN orders USING (stripe_session_id) LIMIT 1
        )
        SELECT refund.stripe_refund_id AS refund_id, refund.amount, refund.currency, refund.status,
               coalesce(invoice.account_id, bought.account_id) AS account_id,
               invoice.stripe_invoice_id AS invoice_id, invoice.stripe_subscription_id AS subscription_id,
               bought.order_id
        FROM refund LEFT JOIN invoice ON true LEFT JOIN bought ON true
        """,
        about["refundId"],
    )
    if row is None:
        raise NotFound("There is no such refund.")
    return ChargeRefunded(**dict(row))
