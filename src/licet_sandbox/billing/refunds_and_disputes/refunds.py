"""Money returned: at once, later, or in the end not.

requires_action ─┬─> canceled
pending ─────────┼─> succeeded ──> failed
                 └─> failed
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.invoices.lines import format_amount
from licet_sandbox.billing.payments.payment_methods import card_of
from licet_sandbox.errors import invalid
from licet_sandbox.ids import random_text

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# As a refund can be made; a card's starts as its card says.
STARTS = ("succeeded", "pending", "requires_action")
FAILURE_REASONS = (
    "expired_or_canceled_card",
    "lost_or_stolen_card",
    "charge_for_pending_refund_disputed",
    "insufficient_funds",
    "declined",
    "merchant_request",
    "unknown",
)
# Stripe says only "some time later". The customer's answer is waited for as long as Stripe waits for bank details.
_OUTCOME_SECONDS = 3600
_ANSWER_SECONDS = 45 * 24 * 3600
_WAITING = ("pending", "requires_action")


def make_refund(tx: Tx, charge: Obj, amount: int | None = None, *, status: str | None = None, **fields: Any) -> Obj:
    """Give `amount` (minor units; None: all that is left) back. It does not end a subscription.

    status: one of `STARTS`; None: as the card that paid does it
    """
    _check_refundable(tx, charge)
    given = _check_amount(charge, amount)
    of_card = card_of(tx.get("payment_method", charge["payment_method"])).refunds
    started = status or ("pending" if of_card == "pending" else "succeeded")
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
            "status": started,
            **_what_it_waits_for(tx, charge, started),
            **fields,
        },
    )
    previous = _count(tx, charge, given)
    tx.emit("charge.refunded", charge, previous=previous)
    if started == "succeeded":
        _arrive(tx, refund)
    if started == "requires_action":
        tx.schedule("refund.outcome", refund["id"], tx.now + _ANSWER_SECONDS)
    elif started == "pending" or of_card == "fails":
        tx.schedule("refund.outcome", refund["id"], tx.now + _OUTCOME_SECONDS)
    return refund


def settle_refund(tx: Tx, refund: Obj) -> None:
    """What was waited for has come: it succeeds."""
    if refund["status"] not in _WAITING:
        raise invalid(f"Refund {refund['id']} is {refund['status']}; there is nothing to wait for.")
    tx.unschedule(refund["id"], "refund.outcome")
    _wait_no_longer(refund)
    refund["status"] = "succeeded"
    _arrive(tx, refund)


def fail_refund(tx: Tx, refund: Obj, reason: str) -> None:
    """The bank sends it back, even after it succeeded."""
    if refund["status"] in {"failed", "canceled"}:
        raise invalid(f"Refund {refund['id']} is {refund['status']}; it cannot fail any more.")
    _undo(tx, refund, "failed", reason, "refund.failed")


def cancel_refund(tx: Tx, refund: Obj) -> None:
    """Only while the customer has to do something."""
    if refund["status"] != "requires_action":
        raise invalid("Canceling this refund is unsupported.")
    _undo(tx, refund, "canceled", "merchant_request")


def bring_outcome(tx: Tx, refund_id: str) -> None:
    """The time has come that was set when it was made."""
    refund = tx.get("refund", refund_id)
    if refund["status"] == "pending":
        settle_refund(tx, refund)
    else:
        reason = "unknown" if refund["status"] == "requires_action" else "expired_or_canceled_card"
        fail_refund(tx, refund, reason)


def fail_pending_refunds(tx: Tx, charge: Obj) -> None:
    """The bank takes the money by a dispute: what was still on its way is not sent twice."""
    for refund in tx.select("refund", "json ->> '$.charge' = ?", charge["id"]):
        if refund["status"] in _WAITING:
            fail_refund(tx, refund, "charge_for_pending_refund_disputed")


def _check_refundable(tx: Tx, charge: Obj) -> None:
    intent_id = charge["payment_intent"]
    if charge["status"] != "succeeded":
        message = f"This PaymentIntent ({intent_id}) does not have a successful charge to refund."
        raise invalid(message, param="payment_intent", code="payment_intent_unexpected_state")
    if not charge["captured"]:
        message = (
            f"This uncaptured Charge was created by a PaymentIntent ({intent_id}). You must cancel the PaymentIntent "
            "to reverse the authorization instead of refunding the Charge directly."
        )
        raise invalid(message)
    if tx.select("dispute", "json ->> '$.charge' = ? AND NOT json ->> '$.is_charge_refundable'", charge["id"]):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise invalid(message, code="charge_disputed")


def _check_amount(charge: Obj, amount: int | None) -> int:
    left: int = charge["amount_captured"] - charge["amount_refunded"]
    if left == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise invalid(message, param="charge", code="charge_already_refunded")
    if amount is None:
        return left
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise invalid(message, param="amount", code="parameter_invalid_integer")
    if amount > left:
        wanted, most = (format_amount(value, charge["currency"]) for value in (amount, left))
        raise invalid(f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({most})", param="amount")
    return amount


def _what_it_waits_for(tx: Tx, charge: Obj, status: str) -> Obj:
    if status == "pending":
        return {"pending_reason": "processing"}
    if status == "requires_action":
        email = charge["billing_details"]["email"] or charge["receipt_email"] or "buyer@example.com"
        sent = {"email_sent_at": tx.now, "email_sent_to": email}
        details = {"email_sent": sent, "expires_at": tx.now + _ANSWER_SECONDS}
        return {
            "instructions_email": email,
            "next_action": {"type": "display_details", "display_details": details},
        }
    return {}


def _wait_no_longer(refund: Obj) -> None:
    for key in ("pending_reason", "next_action"):
        refund.pop(key, None)


def _count(tx: Tx, charge: Obj, amount: int) -> Obj:
    """Add to what the charge gave back (a negative amount: take off). Answers what changed, with its old values."""
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    tx.save(charge)
    return {key: old for key, old in before.items() if charge[key] != old}


def _arrive(tx: Tx, refund: Obj) -> None:
    """The bank's reference comes a little later, and tells nothing new about the money."""
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


def _undo(tx: Tx, refund: Obj, status: str, reason: str, *events: str) -> None:
    tx.unschedule(refund["id"], "refund.outcome")
    _wait_no_longer(refund)
    refund |= {"status": status, "failure_reason": reason}
    _count(tx, tx.get("charge", refund["charge"]), -refund["amount"])
    tx.save(refund, "refund.updated", "charge.refund.updated", *events)
