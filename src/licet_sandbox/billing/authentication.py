"""Completes 3D Secure of an intent: of a checkout session, an invoice, or an intent by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.checkout import checkout_sessions
from licet_sandbox.billing.collection import collection
from licet_sandbox.billing.payments import payment_intents, setup_intents
from licet_sandbox.errors import invalid, not_found

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def find_intent(tx: Tx, intent_id: str) -> Obj:
    """Finds the payment intent or setup intent with this id; 404 if there is none."""
    found = tx.find(intent_id)
    if found is None or found["object"] not in {"payment_intent", "setup_intent"}:
        raise not_found("intent", intent_id)
    return found


def requires_authentication(intent: Obj) -> bool:
    """True if the intent waits for 3D Secure."""
    return intent["status"] == "requires_action" and intent["payment_method"] is not None


def authenticate_intent(tx: Tx, intent: Obj, *, completed: bool) -> None:
    """Completes or fails 3D Secure, then continues what the intent belongs to.

    Raises a 402 if the authentication or the payment after it fails, and a 400 if no authentication is pending.
    """
    if not requires_authentication(intent):
        raise invalid("There is nothing to authenticate.")
    session_id = intent.get("_", {}).get("checkout")
    if session_id is not None:
        checkout_sessions.authenticate_session(tx, tx.get("checkout.session", session_id), completed=completed)
    elif intent["object"] == "setup_intent":
        setup_intents.authenticate_setup(tx, intent, completed=completed)
    else:
        _authenticate_payment(tx, intent, completed=completed)


def _authenticate_payment(tx: Tx, intent: Obj, *, completed: bool) -> None:
    invoice = invoice_of(tx, intent)
    if invoice is not None:
        collection.authenticate_invoice(tx, invoice, completed=completed)
        return
    payment_intents.authenticate_payment(tx, intent, completed=completed)
    payment_intents.mark_used(tx, intent)


def invoice_of(tx: Tx, intent: Obj) -> Obj | None:
    """The open invoice that this payment intent pays, or None."""
    where = "json ->> '$.payment.payment_intent' = ? AND json ->> '$.status' = 'open'"
    found = tx.select("invoice_payment", where, intent["id"])
    return tx.get("invoice", found[0]["invoice"]) if found else None
