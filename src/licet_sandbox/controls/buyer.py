"""What a buyer or customer does: pay a checkout session, complete 3D Secure, change the card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing import authentication
from licet_sandbox.billing.checkout import checkout_sessions
from licet_sandbox.billing.checkout.answers import Answers
from licet_sandbox.billing.checkout.quantities import adjust_quantity
from licet_sandbox.billing.checkout.totals import apply_promotion_code
from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.payments.cards import card_by_number
from licet_sandbox.billing.payments.next_actions import build_return_url
from licet_sandbox.billing.payments.payment_intents import mark_set_up
from licet_sandbox.billing.payments.payment_methods import attach_to, make_method
from licet_sandbox.billing.schedules.direct_changes import sync_schedule
from licet_sandbox.errors import invalid
from licet_sandbox.kit.fields import is_email

if TYPE_CHECKING:
    from licet_sandbox.controls.body import Body
    from licet_sandbox.engine import Engine

_DEFAULT_EMAIL = "buyer@example.com"


def read_answers(body: Body) -> Answers:
    """`phone`, `businessName`, `individualName`, `fields`, `terms` (default true), `promotions` (false)."""
    fields = body.all().pop("fields", {})
    if not isinstance(fields, dict) or not all(isinstance(text, str) for text in fields.values()):
        raise invalid('fields must be an object of strings: {"fields": {"company": "Acme"}}.', param="fields")
    return Answers(
        phone=body.text("phone", None),
        business_name=body.text("businessName", None),
        individual_name=body.text("individualName", None),
        fields=fields,
        terms=body.flag("terms", default=True),
        promotions=body.flag("promotions", default=False),
    )


def pay_session(
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
    """Pay with this card, and complete or fail 3D Secure if required. Raises Stripe's 402 for a decline.

    quantity: of the one line with an adjustable quantity; answers: for the extra fields of the page
    """
    if email is not None and not is_email(email):
        raise invalid("email must be an email address.", param="email")
    with engine.transaction() as tx:
        session = tx.get("checkout.session", session_id)
        if promotion_code is not None:
            apply_promotion_code(tx, session, promotion_code)
        if quantity is not None:
            adjust_quantity(tx, session, None, quantity)
        address = checkout_sessions.known_email(tx, session) or email or _DEFAULT_EMAIL
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


def authenticate_intent(engine: Engine, kind: str, intent_id: str, completed: bool) -> dict[str, Any]:
    """Complete or fail 3D Secure of an intent that requires it."""
    with engine.transaction() as tx:
        intent = tx.get(kind, intent_id)
        authentication.authenticate_intent(tx, intent, completed=completed)
        return {"status": intent["status"], "redirectTo": build_return_url(intent, completed=completed)}


def change_card(engine: Engine, customer_id: str, number: str) -> dict[str, Any]:
    """Attach a card and make it the default of the customer and of all subscriptions that have not ended."""
    with engine.transaction() as tx:
        customer = tx.get("customer", customer_id)
        method = make_method(tx, card_by_number(number), email=customer["email"], name=customer["name"])
        attach_to(tx, method["id"], customer_id, "card")
        mark_set_up(tx, method)
        customer["invoice_settings"]["default_payment_method"] = method["id"]
        tx.save(customer, "customer.updated")
        changed = []
        for subscription in tx.select("subscription", "json ->> '$.customer' = ?", customer_id):
            if not ended(subscription):
                subscription["default_payment_method"] = method["id"]
                tx.save(subscription, "customer.subscription.updated")
                sync_schedule(tx, subscription)
                changed.append(subscription["id"])
        return {"paymentMethod": method["id"], "last4": method["card"]["last4"], "subscriptions": changed}
