"""Money returned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.errors import invalid
from licet_sandbox.ids import random_text

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def make_refund(tx: Tx, charge: Obj, amount: int | None = None, **fields: Any) -> Obj:
    """Give `amount` (minor units; None: all that is left) back. It does not end a subscription."""
    if charge["status"] != "succeeded":
        raise invalid(f"Charge {charge['id']} was not successful and cannot be refunded.", param="charge")
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise invalid(message, param="charge", code="charge_already_refunded")
    given = left if amount is None else amount
    if given < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if given > left:
        message = f"Refund amount ({given}) is greater than unrefunded amount on charge ({left})"
        raise invalid(message, param="amount", code="amount_too_large")
    refund = tx.create(
        "refund",
        "refund.created",
        **{
            "amount": given,
            "charge": charge["id"],
            "currency": charge["currency"],
            "customer": charge["customer"],
            "destination_details": {"type": "card", "card": {"reference_status": "pending", "type": "refund"}},
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "status": "succeeded",
            **fields,
        },
    )
    previous = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += given
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    tx.save(charge)
    tx.emit("charge.refunded", charge, previous={key: old for key, old in previous.items() if charge[key] != old})
    # The bank's reference comes a little later, and tells nothing new about the money.
    refund["destination_details"] = {
        "type": "card",
        "card": {
            "reference": str(int(random_text(12), 36))[:15],
            "reference_status": "available",
            "reference_type": "acquirer_reference_number",
            "type": "refund",
        },
    }
    tx.save(refund, "refund.updated", "charge.refund.updated")
    return refund
