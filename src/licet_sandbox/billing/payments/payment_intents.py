"""Payment intents and their charges: one charge per attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.payments.cards import decline
from licet_sandbox.billing.payments.next_actions import next_action
from licet_sandbox.billing.payments.payment_methods import card_of
from licet_sandbox.errors import StripeError
from licet_sandbox.ids import new_id, random_text
from licet_sandbox.spec.shapes import public

if TYPE_CHECKING:
    from licet_sandbox.billing.payments.card_table import Card
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# The risk score of each level of risk, from 0 to 99.
_SCORES = {"normal": 20, "elevated": 65, "highest": 80}


def make_intent(tx: Tx, amount: int, currency: str, **fields: Any) -> Obj:
    """Creates a payment intent; `payment_intent.created`. amount: in minor units."""
    intent_id = new_id("payment_intent")
    return tx.create(
        "payment_intent",
        "payment_intent.created",
        **{
            "id": intent_id,
            "amount": amount,
            "amount_details": {"tip": {}},
            "currency": currency,
            "automatic_payment_methods": None,
            "capture_method": "automatic_async",
            "client_secret": f"{intent_id}_secret_{random_text(25)}",
            "confirmation_method": "automatic",
            "payment_method_options": card_payment_options("automatic"),
            "payment_method_types": ["card"],
            "status": "requires_payment_method",
            **fields,
        },
    )


def card_payment_options(three_d_secure: str) -> Obj:
    """The `payment_method_options` of an intent with this `request_three_d_secure`."""
    plain = {"installments": None, "mandate_options": None, "network": None}
    return {"card": {**plain, "request_three_d_secure": three_d_secure}}


def needs_authentication(method: Obj, three_d_secure: str = "automatic", *, off_session: bool = False) -> bool:
    """True if this card requires 3D Secure now.

    three_d_secure: `request_three_d_secure`; `any` and `challenge` require it even from a card that was set up.
    """
    card = card_of(method)
    if card.authentication == "unless_set_up":
        return three_d_secure != "automatic" or not method["_"]["set_up"]
    if card.authentication == "optional":
        return three_d_secure != "automatic"
    return card.authentication == "always" or (card.authentication == "on_session" and not off_session)


def confirm_payment(
    tx: Tx, intent: Obj, method: Obj, *, off_session: bool, error_on_requires_action: bool = False
) -> None:
    """Tries to pay. The intent is then `succeeded` or `requires_action`.

    A decline raises its 402, whose effects are kept. With `error_on_requires_action` 3D Secure is a decline.
    """
    card = card_of(method)
    intent["payment_method"] = method["id"]
    intent["last_payment_error"] = None
    three_d_secure = intent["payment_method_options"]["card"]["request_three_d_secure"]
    if needs_authentication(method, "automatic" if off_session else three_d_secure, off_session=off_session):
        reason = _authentication_decline(
            card, off_session=off_session, error_on_requires_action=error_on_requires_action
        )
        if reason is not None:
            raise _declined(tx, intent, method, decline(reason))
        require_action(tx, intent)
        return
    _charge(tx, intent, method, card, three_d_secure=None)


def _authentication_decline(card: Card, *, off_session: bool, error_on_requires_action: bool) -> str | None:
    """Why a required 3D Secure is a decline; None if the customer can be asked."""
    if card.authentication_fails:
        return "generic_decline"
    if off_session:
        return "authentication_required"
    return "authentication_not_handled" if error_on_requires_action else None


def require_action(tx: Tx, intent: Obj) -> None:
    """Sets `requires_action`: the customer must complete 3D Secure."""
    intent["status"] = "requires_action"
    intent["next_action"] = next_action(tx, intent)
    tx.save(intent, "payment_intent.requires_action")


def authenticate_payment(tx: Tx, intent: Obj, *, completed: bool) -> None:
    """Completes or fails 3D Secure and charges the card; a failure raises its 402."""
    method = tx.get("payment_method", intent["payment_method"])
    if not completed:
        raise _declined(tx, intent, method, authentication_failure(), charged=False)
    if intent["setup_future_usage"] == "off_session":
        mark_set_up(tx, method)
    _charge(tx, intent, method, card_of(method), three_d_secure="authenticated")


def authentication_failure() -> StripeError:
    """The 402 of a failed 3D Secure. Stripe calls it an invalid request, not a card error."""
    code = "payment_intent_authentication_failure"
    message = (
        "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
        "PaymentMethod to attempt to fulfill this PaymentIntent again."
    )
    doc_url = "https://docs.stripe.com/error-codes/payment-intent-authentication-failure"
    error = {"type": "invalid_request_error", "code": code, "doc_url": doc_url, "message": message}
    return StripeError(402, error, keep=True)


def mark_set_up(tx: Tx, method: Obj) -> None:
    """Records that the customer agreed, with 3D Secure, to later off-session charges."""
    method["_"]["set_up"] = True
    tx.save(method)


def mark_used(tx: Tx, intent: Obj) -> None:
    """Makes a card that has paid without being saved unusable for further payments."""
    if intent["status"] != "succeeded" or intent["setup_future_usage"] is not None:
        return
    method = tx.get("payment_method", intent["payment_method"])
    if method["customer"] is None:
        method["_"]["used"] = True
        tx.save(method)


def cancel_intent(tx: Tx, intent: Obj, reason: str | None) -> None:
    """Cancels the payment intent."""
    intent |= {"status": "canceled", "canceled_at": tx.now, "cancellation_reason": reason, "next_action": None}
    tx.save(intent, "payment_intent.canceled")


def _charge(tx: Tx, intent: Obj, method: Obj, card: Card, *, three_d_secure: str | None) -> None:
    if card.declines is not None:
        raise _declined(tx, intent, method, decline(card.declines))
    charge = _make_charge(tx, intent, method, three_d_secure=three_d_secure)
    tx.insert(charge, "charge.succeeded")
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "latest_charge": charge["id"],
        "next_action": None,
        "last_payment_error": None,
    }
    tx.save(intent, "payment_intent.succeeded")
    if intent["setup_future_usage"] is not None and intent["customer"] is not None and method["customer"] is None:
        method["customer"] = intent["customer"]
        tx.save(method, "payment_method.attached")
    if card.disputes:
        # The dispute follows after the purchase is complete.
        tx.schedule("charge.dispute", charge["id"], tx.now)


def _declined(tx: Tx, intent: Obj, method: Obj, refusal: StripeError, *, charged: bool = True) -> StripeError:
    """Records the failed attempt; returns the error to raise, which carries the intent as Stripe's does."""
    detail = dict(refusal.error)
    if charged:
        charge = _make_charge(tx, intent, method, three_d_secure=None)
        charge |= {
            "status": "failed",
            "paid": False,
            "captured": False,
            "amount_captured": 0,
            "failure_code": detail["code"],
            "failure_message": detail["message"],
            "receipt_url": None,
            "outcome": _outcome(detail, card_of(method).risk),
        }
        tx.insert(charge, "charge.failed")
        intent["latest_charge"] = detail["charge"] = charge["id"]
    public_method = public(method)
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "last_payment_error": {**detail, "payment_method": public_method},
    }
    tx.save(intent, "payment_intent.payment_failed")
    refusal.error |= detail | {"payment_intent": public(intent), "payment_method": public_method}
    return refusal


def _outcome(detail: dict[str, Any] | None, risk: str) -> Obj:
    """The charge's `outcome`. detail: of the decline, or None; risk `highest` is blocked before the bank."""
    common = {
        "network_advice_code": None,
        "network_decline_code": None,
        "risk_level": risk,
        "risk_score": _SCORES[risk],
    }
    if detail is None:
        seller = "Payment complete."
        return common | {
            "advice_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "seller_message": seller,
            "type": "authorized",
        }
    if risk == "highest":
        return common | {
            "advice_code": None,
            "network_status": "not_sent_to_network",
            "reason": "highest_risk_level",
            "seller_message": "This payment was blocked as too risky.",
            "type": "blocked",
        }
    return common | {
        "advice_code": detail.get("advice_code"),
        "network_decline_code": "01",
        "network_status": "declined_by_network",
        "reason": detail.get("decline_code") or detail["code"],
        "seller_message": "The bank returned a decline code.",
        "type": "issuer_declined",
    }


def _make_charge(tx: Tx, intent: Obj, method: Obj, *, three_d_secure: str | None) -> Obj:
    charge_id = new_id("charge")
    return tx.new(
        "charge",
        id=charge_id,
        amount=intent["amount"],
        amount_captured=intent["amount"],
        billing_details=method["billing_details"],
        calculated_statement_descriptor=_full_statement_descriptor(intent["statement_descriptor_suffix"]),
        captured=True,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        fraud_details={},
        # Copied once, when the charge is made.
        metadata=dict(intent["metadata"]),
        outcome=_outcome(None, card_of(method).risk),
        paid=True,
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details={"type": "card", "card": _card_details(method, intent["amount"], three_d_secure)},
        receipt_email=intent["receipt_email"],
        receipt_url=f"{tx.host.base_url}/receipts/{charge_id}",
        shipping=intent["shipping"],
        statement_descriptor=intent["statement_descriptor"],
        statement_descriptor_suffix=intent["statement_descriptor_suffix"],
        status="succeeded",
        transfer_group=intent["transfer_group"],
    )


def _full_statement_descriptor(suffix: str | None) -> str:
    """The text on the customer's card statement, at most 22 characters."""
    return f"SANDBOX* {suffix}"[:22] if suffix else "SANDBOX"


def _card_details(method: Obj, amount: int, three_d_secure: str | None) -> Obj:
    card = method["card"]
    copied = {key: card[key] for key in ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint")}
    authentication = {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": three_d_secure,
        "result_reason": None,
        "transaction_id": random_text(36),
        "version": "2.2.0",
    }
    return copied | {
        "amount_authorized": amount,
        "authorization_code": str(int(random_text(6), 36) % 1_000_000).zfill(6),
        "electronic_commerce_indicator": None,
        "extended_authorization": {"status": "disabled"},
        "funding": card["funding"],
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": card["last4"],
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": random_text(15),
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": authentication if three_d_secure else None,
        "transaction_link_id": None,
        "wallet": None,
    }
