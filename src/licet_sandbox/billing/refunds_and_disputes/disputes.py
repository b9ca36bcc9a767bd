"""Disputes: their statuses and their money.

warning_needs_response ──> warning_under_review ──> warning_closed     an inquiry withdraws nothing
            └──────────────────────┴─> needs_response                  escalated: withdraws the amount
needs_response ──> under_review ──> won │ lost                         a chargeback withdraws the amount at once
                        └─> appeal_needs_response ──> appeal_under_review ──> won │ lost
prevented                                                              withdraws nothing, and is closed

A dispute without a response in time is lost; an inquiry is closed after 120 days. Source: Stripe, "How disputes
work", "Testing" (evidence) and "Manage disputes through pre-arbitration and arbitration".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from licet_sandbox.billing.payments.payment_methods import card_of
from licet_sandbox.billing.refunds_and_disputes.balance_transactions import disputable, reinstate, withdraw, withdrawn
from licet_sandbox.billing.refunds_and_disputes.dispute_reasons import network_code
from licet_sandbox.billing.refunds_and_disputes.refunds import fail_pending_refunds
from licet_sandbox.errors import StripeError, invalid
from licet_sandbox.ids import new_id

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# The statuses that a dispute can start with.
OPENINGS = ("needs_response", "warning_needs_response", "prevented")
CLOSED = ("won", "lost", "warning_closed", "prevented")
_REFUNDABLE = ("warning_needs_response", "warning_under_review", "warning_closed", "won", "prevented")
_STATUS_AFTER_RESPONSE = {
    "needs_response": "under_review",
    "warning_needs_response": "warning_under_review",
    "appeal_needs_response": "appeal_under_review",
}
_CASE_TYPES = {"needs_response": "chargeback", "warning_needs_response": "inquiry", "prevented": "resolution"}
_SMART = ("smart_disputes", "prefer_smart_disputes")
_COMPLIANCE = {"visa": "visa_compliance", "mastercard": "mastercard_compliance"}

# The response is due at the end of that day (UTC); banks allow one to three weeks. A test bank decides within seconds.
_RESPONSE_DAYS = 8
_INQUIRY_DAYS = 120
_REVIEW_SECONDS = 5


def open_dispute(
    tx: Tx, charge: Obj, *, status: str = "needs_response", reason: str = "fraudulent", amount: int | None = None
) -> Obj:
    """Opens a dispute over `amount` (minor units; None: all that is left of the charge).

    status: one of `OPENINGS`. A chargeback withdraws the amount, and pending refunds fail.
    """
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise invalid(f"Charge {charge['id']} was not captured; there is nothing to dispute.", param="charge")
    if status == "needs_response":
        fail_pending_refunds(tx, charge)
    left = disputable(tx, charge)
    if left == 0:
        raise invalid(f"Nothing is left of charge {charge['id']} to dispute.", param="charge")
    disputed = left if amount is None else amount
    if not 1 <= disputed <= left:
        raise invalid(f"The disputed amount must be from 1 to {left}, which is left of the charge.", param="amount")
    dispute = _new_dispute(tx, charge, status, reason, disputed)
    charge["disputed"] = True
    tx.save(charge)
    if status == "needs_response":
        withdraw(tx, dispute, disputed)
    tx.insert(dispute, "charge.dispute.created")
    if status == "needs_response":
        tx.emit("charge.dispute.funds_withdrawn", dispute)
    _schedule_deadline(tx, dispute)
    return dispute


def open_for_card(tx: Tx, charge_id: str) -> None:
    """Opens the disputes of the test card: one, or several that share the amount."""
    charge = tx.get("charge", charge_id)
    cases = card_of(tx.get("payment_method", charge["payment_method"])).disputes
    for remaining, case in zip(range(len(cases), 0, -1), cases, strict=True):
        share = disputable(tx, charge) // remaining
        if not share:
            continue
        if case == "inquiry":
            open_dispute(tx, charge, status="warning_needs_response", reason="general", amount=share)
        else:
            open_dispute(tx, charge, reason=case, amount=share)


def submit_evidence(tx: Tx, dispute: Obj, method: str = "manual") -> Obj:
    """Submits the evidence to the bank. Magic words in it decide the dispute a few seconds later."""
    details = dispute["evidence_details"]
    dispute["status"] = _STATUS_AFTER_RESPONSE[dispute["status"]]
    dispute["evidence_details"] = details | {
        "submission_count": details["submission_count"] + 1,
        "submission_method": method,
        "past_due": tx.now > details["due_by"],
    }
    tx.save(dispute, "charge.dispute.updated")
    _schedule_deadline(tx, dispute)
    if _magic_words(dispute) in {"winning_evidence", "losing_evidence", "escalate_inquiry_evidence"}:
        tx.schedule("dispute.decide", dispute["id"], tx.now + _REVIEW_SECONDS)
    return dispute


def escalate_dispute(tx: Tx, dispute: Obj) -> Obj:
    """Escalates: an inquiry becomes a chargeback, a chargeback under review goes to appeal."""
    if dispute["status"] == "under_review":
        return _request_response(tx, dispute, "appeal_needs_response")
    if not is_inquiry(dispute):
        message = f"A dispute that is {dispute['status']} cannot be escalated: only an inquiry or one under review."
        raise invalid(message)
    charge = tx.get("charge", dispute["charge"])
    fail_pending_refunds(tx, charge)
    # What was refunded meanwhile is not withdrawn; after a full refund nothing is left to dispute.
    amount = min(dispute["amount"], disputable(tx, charge))
    if amount == 0:
        return close_dispute(tx, dispute, "warning_closed")
    withdraw(tx, dispute, amount)
    card = dispute["payment_method_details"]["card"] | {"case_type": "chargeback"}
    dispute["payment_method_details"] = {"type": "card", "card": card}
    _request_response(tx, dispute, "needs_response")
    tx.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(tx: Tx, dispute: Obj, status: str) -> Obj:
    """Closes the dispute: `won` reinstates the amount, `lost` does not; an inquiry is `warning_closed`."""
    if dispute["status"] in CLOSED:
        raise already_closed()
    if is_inquiry(dispute) != (status == "warning_closed"):
        what = "An inquiry ends as warning_closed" if is_inquiry(dispute) else "A chargeback ends as won or lost"
        raise invalid(f"{what}, not as {status}.", param="status")
    _set_status(dispute, status)
    events = ["charge.dispute.closed"]
    if status == "won" and withdrawn(dispute):
        reinstate(tx, dispute)
        events.insert(0, "charge.dispute.funds_reinstated")
    tx.save(dispute, *events)
    _schedule_deadline(tx, dispute)
    return dispute


def decide_due(tx: Tx, dispute_id: str) -> None:
    """Decides the dispute by the magic words in its evidence."""
    dispute = tx.get("dispute", dispute_id)
    words = _magic_words(dispute)
    if words == "escalate_inquiry_evidence":
        if is_inquiry(dispute):
            escalate_dispute(tx, dispute)
    elif is_inquiry(dispute):
        close_dispute(tx, dispute, "warning_closed")
    else:
        close_dispute(tx, dispute, "won" if words == "winning_evidence" else "lost")


def deadline_due(tx: Tx, dispute_id: str) -> None:
    """Closes a dispute without a response in time, and an inquiry that is too old."""
    dispute = tx.get("dispute", dispute_id)
    if is_inquiry(dispute):
        close_dispute(tx, dispute, "warning_closed")
    elif dispute["status"] == "needs_response" and dispute["intended_submission_method"] in _SMART:
        submit_evidence(tx, dispute, "smart_disputes")
    else:
        close_dispute(tx, dispute, "lost")


def is_inquiry(dispute: Obj) -> bool:
    """True if the dispute is an inquiry, not a chargeback."""
    return bool(dispute["status"].startswith("warning_"))


def already_closed() -> StripeError:
    """Stripe's 400 for a closed dispute."""
    return invalid("This dispute is already closed")


def _new_dispute(tx: Tx, charge: Obj, status: str, reason: str, amount: int) -> Obj:
    card = charge["payment_method_details"]["card"]
    compliance = _COMPLIANCE.get(card["brand"]) if reason == "noncompliant" and status == "needs_response" else None
    return tx.new(
        "dispute",
        id=new_id("dispute"),
        amount=amount,
        charge=charge["id"],
        currency=charge["currency"],
        enhanced_eligibility_types=[compliance] if compliance else [],
        evidence_details={
            "due_by": _due_by(tx.now),
            "enhanced_eligibility": {compliance: {"status": "requires_fee_acknowledgement"}} if compliance else {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        is_charge_refundable=status in _REFUNDABLE,
        payment_intent=charge["payment_intent"],
        payment_method_details={
            "type": "card",
            "card": {
                "brand": card["brand"],
                "case_type": "compliance" if compliance else _CASE_TYPES[status],
                "network": card["network"],
                "network_reason_code": network_code(card["brand"], reason),
            },
        },
        reason=reason,
        status=status,
    )


def _request_response(tx: Tx, dispute: Obj, status: str) -> Obj:
    _set_status(dispute, status)
    dispute["evidence_details"] = dispute["evidence_details"] | {"due_by": _due_by(tx.now), "past_due": False}
    tx.save(dispute, "charge.dispute.updated")
    _schedule_deadline(tx, dispute)
    return dispute


def _set_status(dispute: Obj, status: str) -> None:
    dispute |= {"status": status, "is_charge_refundable": status in _REFUNDABLE}


def _schedule_deadline(tx: Tx, dispute: Obj) -> None:
    """Schedules the deadline: of the response, or of an inquiry."""
    tx.unschedule(dispute["id"], "dispute.deadline", "dispute.decide")
    if dispute["status"] in {"needs_response", "appeal_needs_response"}:
        tx.schedule("dispute.deadline", dispute["id"], dispute["evidence_details"]["due_by"] + 1)
    elif is_inquiry(dispute) and dispute["status"] not in CLOSED:
        tx.schedule("dispute.deadline", dispute["id"], dispute["created"] + _INQUIRY_DAYS * 24 * 3600)


def _due_by(now: int) -> int:
    day = datetime.fromtimestamp(now, UTC).replace(hour=23, minute=59, second=59)
    return int((day + timedelta(days=_RESPONSE_DAYS)).timestamp())


def _magic_words(dispute: Obj) -> str | None:
    """The text that decides a test dispute: `uncategorized_text`, on appeal the `reason_for_filing`."""
    evidence = dispute["evidence"]
    if dispute["status"].startswith("appeal_"):
        words: str | None = ((evidence.get("appeal") or {}).get("card") or {}).get("reason_for_filing")
    else:
        words = evidence["uncategorized_text"]
    return words
