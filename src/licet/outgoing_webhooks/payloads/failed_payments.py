"""The data of `payment.failed`."""

from typing import Any
from uuid import UUID

from pydantic import Field

from licet.db.connection import Connection
from licet.errors import NotFound
from licet.http.context import Context
from licet.http.shapes import At, ResponseBody
from licet.orders.invoice_store import find_failed_invoice
from licet.orders.store import find_failed_session


class PaymentFailed(ResponseBody):
    """A failed attempt to pay an invoice or a checkout. Fields that do not apply are null."""

    account_id: UUID | None = Field(description="Null if no account is known for the Stripe customer.")
    amount: int = Field(description="The amount due, in the currency's minor unit.", examples=[14900])
    currency: str | None = Field(examples=["usd"])
    invoice_id: str | None = Field(examples=["in_1QxYz"])
    attempt: int | None = Field(description="The number of this attempt to pay the invoice, from 1.", examples=[1])
    next_attempt_at: At | None = Field(description="When Stripe tries next. Null if it does not.")
    session_id: str | None = Field(description="The checkout session in which the payment failed.", examples=[None])
    url: str | None = Field(
        description="The page on which the buyer can pay. Null if payment is no longer possible.",
        examples=["https://invoice.stripe.com/i/acct_1/test_YWNjdA"],
    )


async def failed_payment(_: Context, conn: Connection, about: dict[str, Any]) -> PaymentFailed:
    """Read the data. about: `{"invoiceId", "attempt"}` or `{"sessionId"}`. Raises NotFound."""
    if "sessionId" in about:
        session = await find_failed_session(conn, about["sessionId"])
        if session is None:
            raise NotFound("There is no such checkout session.")
        return PaymentFailed(**dict(session), invoice_id=None, attempt=None, next_attempt_at=None)
    invoice = await find_failed_invoice(conn, about["invoiceId"])
    if invoice is None:
        raise NotFound("There is no such invoice.")
    return PaymentFailed(**dict(invoice), attempt=about["attempt"], session_id=None)
