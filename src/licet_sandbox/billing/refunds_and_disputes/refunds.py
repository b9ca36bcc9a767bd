"""Refunds, which succeed at once or later, or fail.

requires_action ─┬─> canceled
pending ─────────┼─> succeeded ──> failed
                 └─> failed
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.payments.payment_methods import card_of
from licet_sandbox.errors import invalid
from licet_sandbox.ids import random_text
from licet_sandbox.kit.currencies import check_step, format_amount

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# The statuses that a refund can start with; without a choice the test card decides.
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
# Stripe only says "some time later". The customer has as long to respond as Stripe gives for bank details.
_OUTCOME_SECONDS = 3600
_CUSTOMER_ACTION_SECONDS = 45 * 24 * 3600
_WAITING = ("pending", "requires_action")


def make_refund(tx: Tx, charge: Obj, amount: int | None = None, *, status: str | None = None, **fields: Any) -> Obj:
    """Refunds `amount` (minor units; None: all that is left). It does not end a subscription.

    status: one of `STARTS`; None: the test card decides
    """
    _check_refundable(tx, charge)
    refunded = _check_amount(charge, amount)
    of_card = card_of(tx.get("payment_method", charge["payment_method"])).refunds
    first_status = status or ("pending" if of_card == "pending" else "succeeded")
    refund = tx.create(
        "refund",
        "refund.created",
        **{
            "amount": refunded,
            "charge": charge["id"],
            "currency": charge["currency"],
            "customer": charge["customer"],
            "destination_details": {"type": "card", "card": {"reference_status": "pending", "type": "refund"}},
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "status": first_status,
            **_waiting_fields(tx, charge, first_status),
            **fields,
        },
    )
    previous = _add_refunded(tx, charge, refunded)
    tx.emit("charge.refunded", charge, previous=previous)
    if first_status == "succeeded":
        _save_succeeded(tx, refund)
    if first_status == "requires_action":
        tx.schedule("refund.outcome", refund["id"], tx.now + _CUSTOMER_ACTION_SECONDS)
    elif first_status == "pending" or of_card == "fails":
        tx.schedule("refund.outcome", refund["id"], tx.now + _OUTCOME_SECONDS)
    return refund


def complete_refund(tx: Tx, refund: Obj) -> None:
    """Completes a pending refund: status `succeeded`."""
    if refund["status"] not in _WAITING:
        raise invalid(f"Refund {refund['id']} is {refund['status']}; there is nothing to wait for.")
    tx.unschedule(refund["id"], "refund.outcome")
    _clear_waiting_fields(refund)
    refund["status"] = "succeeded"
    _save_succeeded(tx, refund)


def fail_refund(tx: Tx, refund: Obj, reason: str) -> None:
    """Fails a refund, even one that has succeeded: the bank returns the money to the seller."""
    if refund["status"] in {"failed", "canceled"}:
        raise invalid(f"Refund {refund['id']} is {refund['status']}; it cannot fail any more.")
    _reverse(tx, refund, "failed", reason, "refund.failed")


def cancel_refund(tx: Tx, refund: Obj) -> None:
    """Cancels a refund that waits for the customer."""
    if refund["status"] != "requires_action":
        raise invalid("Canceling this refund is unsupported.")
    _reverse(tx, refund, "canceled", "merchant_request")


def outcome_due(tx: Tx, refund_id: str) -> None:
    """Completes or fails a refund at the time that was set when it was made."""
    refund = tx.get("refund", refund_id)
    if refund["status"] == "pending":
        complete_refund(tx, refund)
    else:
        reason = "unknown" if refund["status"] == "requires_action" else "expired_or_canceled_card"
        fail_refund(tx, refund, reason)


def fail_pending_refunds(tx: Tx, charge: Obj) -> None:
    """Fails the pending refunds of a charge whose amount a dispute withdraws."""
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
    check_step(amount, charge["currency"], "amount")
    if amount > left:
        requested, most = (format_amount(value, charge["currency"]) for value in (amount, left))
        raise invalid(
            f"Refund amount ({requested}) is greater than unrefunded amount on charge ({most})", param="amount"
        )
    return amount


def _waiting_fields(tx: Tx, charge: Obj, status: str) -> Obj:
    if status == "pending":
        return {"pending_reason": "processing"}
    if status == "requires_action":
        email = charge["billing_details"]["email"] or charge["receipt_email"] or "buyer@example.com"
        sent = {"email_sent_at": tx.now, "email_sent_to": email}
        details = {"email_sent": sent, "expires_at": tx.now + _CUSTOMER_ACTION_SECONDS}
        return {
            "instructions_email": email,
            "next_action": {"type": "display_details", "display_details": details},
        }
    return {}


def _clear_waiting_fields(refund: Obj) -> None:
    for key in ("pending_reason", "next_action"):
        refund.pop(key, None)


def _add_refunded(tx: Tx, charge: Obj, amount: int) -> Obj:
    """Adds to the refunded amount of the charge; a negative amount subtracts.

    Returns what changed, with its old values.
    """
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    tx.save(charge)
    return {key: old for key, old in before.items() if charge[key] != old}


def _save_succeeded(tx: Tx, refund: Obj) -> None:
    """Sets the bank's reference and saves the refund.

    At Stripe the reference follows a little later; it changes nothing about the money.
    """
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


def _reverse(tx: Tx, refund: Obj, status: str, reason: str, *events: str) -> None:
    tx.unschedule(refund["id"], "refund.outcome")
    _clear_waiting_fields(refund)
    refund |= {"status": status, "failure_reason": reason}
    _add_refunded(tx, tx.get("charge", refund["charge"]), -refund["amount"])
    tx.save(refund, "refund.updated", "charge.refund.updated", *events)
