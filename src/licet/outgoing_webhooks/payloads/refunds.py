"""The data of `charge.refunded`."""

from typing import Any
from uuid import UUID

from pydantic import Field

from licet.db.connection import Connection
from licet.errors import NotFound
from licet.http.context import Context
from licet.http.shapes import ResponseBody
from licet.refunds.store import find_refund_with_purchase


class ChargeRefunded(ResponseBody):
    """A refund, with the purchase that it belongs to. Fields that are unknown or do not apply are null."""

    refund_id: str = Field(examples=["re_1QxYz"])
    amount: int = Field(description="The amount of this refund, in the currency's minor unit.", examples=[14900])
    currency: str = Field(examples=["usd"])
    status: str = Field(
        description="Stripe's: pending, requires_action, succeeded, failed or canceled.", examples=["succeeded"]
    )
    account_id: UUID | None
    invoice_id: str | None = Field(examples=["in_1QxYz"])
    subscription_id: str | None = Field(examples=["sub_1QxYz"])
    order_id: UUID | None = Field(description="The order whose payment was refunded. Null for a renewal's payment.")


async def refunded_charge(_: Context, conn: Connection, about: dict[str, Any]) -> ChargeRefunded:
    """Read the data. about: `{"refundId"}`. Raises NotFound."""
    refund = await find_refund_with_purchase(conn, about["refundId"])
    if refund is None:
        raise NotFound("There is no such refund.")
    return ChargeRefunded(**dict(refund))
