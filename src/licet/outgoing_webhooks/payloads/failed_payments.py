"""What is told of a payment that did not go through."""

from typing import Any
from uuid import UUID

from pydantic import Field

from licet.db.connection import Connection
from licet.errors import NotFound
from licet.http.context import Context
from licet.http.shapes import At, ResponseBody


class PaymentFailed(ResponseBody):
    """A try to pay an invoice, or on the checkout page. What is not of the one or the other is null."""

    account_id: UUID | None = Field(description="Null where its customer is nobody's that we know.")
    amount: int = Field(description="What was to be paid, in the currency's minor unit.", examples=[14900])
    currency: str | None = Field(examples=["usd"])
    invoice_id: str | None = Field(examples=["in_1QxYz"])
    attempt: int | None = Field(description="Which try of this invoice it was, from 1.", examples=[1])
    next_attempt_at: At | None = Field(description="When Stripe tries next; null where it does not.")
    session_id: str | None = Field(description="Of the checkout, where it failed there.", examples=[None])
    url: str | None = Field(
        description="Where it can be paid; null where that is not possible any more.",
        examples=["https://invoice.stripe.com/i/acct_1/test_YWNjdA"],
    )


async def failed_payment(_: Context, conn: Connection, about: dict[str, Any]) -> PaymentFailed:
    """about: `{"invoiceId", "attempt"}` or `{"sessionId"}`. Raises NotFound where there is no such thing."""
    if "sessionId" in about:
        return await _of_session(conn, about["sessionId"])
    row = await conn.fetchrow(
        """
        SELECT account_id, amount_due AS amount, currency, stripe_invoice_id AS invoice_id,
               next_payment_attempt_at AS next_attempt_at,
               CASE WHEN status IN ('open', 'uncollectible') THEN hosted_invoice_url END AS url
        FROM invoices WHERE stripe_invoice_id = $1
        """,
        about["invoiceId"],
    )
    if row is None:
        raise NotFound("There is no such invoice.")
    return PaymentFailed(**dict(row), attempt=about["attempt"], session_id=None)


async def _of_session(conn: Connection, stripe_session_id: str) -> PaymentFailed:
    row = await conn.fetchrow(
        """
        SELECT account_id, amount_total AS amount, currency, stripe_session_id AS session_id,
               CASE WHEN status = 'open' THEN url END AS url
        FROM checkout_sessions WHERE stripe_session_id = $1
        """,
        stripe_session_id,
    )
    if row is None:
        raise NotFound("There is no such checkout session.")
    return PaymentFailed(**dict(row), invoice_id=None, attempt=None, next_attempt_at=None)
