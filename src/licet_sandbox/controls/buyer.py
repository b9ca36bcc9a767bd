"""A buyer at the checkout, in one go: for the page and for the control that plays the buyer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing import authentication
from licet_sandbox.billing.checkout import checkout_sessions
from licet_sandbox.billing.checkout.answers import Answers
from licet_sandbox.billing.checkout.quantities import adjust_quantity
from licet_sandbox.billing.checkout.totals import apply_promotion_code
from licet_sandbox.billing.payments.cards import card_by_number
from licet_sandbox.billing.payments.next_actions import build_return_url
from licet_sandbox.errors import invalid
from licet_sandbox.kit.fields import is_email

if TYPE_CHECKING:
    from licet_sandbox.engine import Engine

_NOBODY_S_EMAIL = "buyer@example.com"


def pay(
    engine: Engine,
    session_id: str,
    number: str | None,
    *,
    complete: bool,
    email: str | None,
    promotion_code: str | None = None,
    quantity: int | None = None,
    answers: Answers | None = None,
) -> dict[str, Any]:
    """Pay with this card, then go through 3-D Secure where it is wanted. A refusal raises Stripe's 402.

    quantity: of the one line whose quantity may change; answers: to what else the page asks
    """
    if email is not None and not is_email(email):
        raise invalid("email must be an e-mail address.", param="email")
    with engine.transaction() as tx:
        session = tx.get("checkout.session", session_id)
        if promotion_code is not None:
            apply_promotion_code(tx, session, promotion_code)
        if quantity is not None:
            adjust_quantity(tx, session, None, quantity)
        address = checkout_sessions.known_email(tx, session) or email or _NOBODY_S_EMAIL
        card = card_by_number(number) if number is not None else None
        done = checkout_sessions.submit_session(
            tx, session, checkout_sessions.Buyer(address, card, answers=answers or Answers(terms=True))
        )
    if not done:
        with engine.transaction() as tx:
            checkout_sessions.authenticate_session(tx, tx.get("checkout.session", session_id), completed=complete)
    with engine.transaction() as tx:
        session = tx.get("checkout.session", session_id)
        return {
            "status": session["status"],
            "paymentStatus": session["payment_status"],
            "redirectTo": checkout_sessions.build_success_url(session),
        }


def authenticate(engine: Engine, kind: str, intent_id: str, completed: bool) -> dict[str, Any]:
    """What the customer does at the bank, for an intent that waits for it."""
    with engine.transaction() as tx:
        intent = tx.get(kind, intent_id)
        authentication.authenticate_intent(tx, intent, completed=completed)
        return {"status": intent["status"], "redirectTo": build_return_url(intent, completed=completed)}
