"""Template data of the refund email, read when the email is sent or shown."""

from typing import Any

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.errors import NotFound
from licet.refunds.mirror import FAILED_REFUND_STATUSES
from licet.refunds.store import find_refund_for_email


async def gather_refund(conn: Connection, _: Keyring, about: dict[str, Any]) -> dict[str, Any]:
    """Return `{name, number, amount, currency, created_at, failed}`. about: `{"refundId"}`.

    `number` is the number of the refunded invoice, if it is known. Raises NotFound for an unknown refund.
    """
    refund = await find_refund_for_email(conn, about["refundId"])
    if refund is None:
        raise NotFound(f"This email is about the refund {about['refundId']}, which no longer exists.")
    return {
        "name": refund["name"],
        "number": refund["number"],
        "amount": refund["amount"],
        "currency": refund["currency"],
        "created_at": refund["created_at"],
        "failed": refund["status"] in FAILED_REFUND_STATUSES,
    }
