"""A checkout session from the first click to its end: pay, authenticate, expire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.checkout import setup_mode
from licet_sandbox.billing.checkout.answers import Answers, store_answers, write_answers
from licet_sandbox.billing.checkout.purchase import (
    apply_offer,
    create_invoice,
    create_subscription,
    creates_invoice,
    saves_card,
)
from licet_sandbox.billing.checkout.recovery import set_recovery_url
from licet_sandbox.billing.checkout.totals import check_offer
from licet_sandbox.billing.customers.customers import make_customer
from licet_sandbox.billing.customers.one_currency import check_one_currency
from licet_sandbox.billing.payments import payment_intents
from licet_sandbox.billing.payments.cards import refusal_to_save
from licet_sandbox.billing.payments.payment_methods import card_of, make_method
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.billing.payments.card_table import Card
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


@dataclass(frozen=True)
class Buyer:
    """What the buyer enters: an email address, a test card unless none is needed, and answers."""

    email: str | None
    card: Card | None
    exp_month: int = 12
    exp_year: int | None = None
    name: str | None = None
    answers: Answers = field(default_factory=Answers)


def needs_card(session: Obj) -> bool:
    """True if the buyer must enter a card.

    Not if nothing is due and `payment_method_collection` is `if_required`.
    """
    if session["mode"] == "payment" or session["payment_method_collection"] == "if_required":
        return int(session["amount_total"]) > 0
    return True


def known_email(tx: Tx, session: Obj) -> str | None:
    """The email address of the session or of its customer, or None."""
    customer = tx.find(session["customer"]) if session["customer"] else None
    email: str | None = (customer or {}).get("email") or session["customer_email"]
    return email


def check_currency(tx: Tx, session: Obj) -> None:
    """Raises a 400 if the session's customer cannot subscribe in its currency."""
    if session["mode"] == "subscription" and session["customer"] is not None:
        check_one_currency(tx, session["customer"], session["currency"])


def submit_session(tx: Tx, session: Obj, buyer: Buyer) -> bool:
    """Submits the checkout page. True: the session is complete; False: 3D Secure must be completed first.

    A decline raises its 402.
    """
    _check_open(session)
    check_currency(tx, session)
    check_offer(tx, session)
    if buyer.card is None and needs_card(session):
        raise invalid("A card is needed.", param="card", code="parameter_missing")
    store_answers(session, buyer.answers)
    phone = buyer.answers.phone
    session["_"] |= {"buyer": {"email": buyer.email, "name": buyer.name, "phone": phone}, "method": None}
    if buyer.card is None:
        _complete(tx, session, None, None)
        return True
    method = make_method(
        tx, buyer.card, exp_month=buyer.exp_month, exp_year=buyer.exp_year, email=buyer.email, name=buyer.name
    )
    if saves_card(session):
        method["allow_redisplay"] = "limited"
        tx.save(method)
    session["_"]["method"] = method["id"]
    tx.save(session)
    if not session["amount_total"]:
        return _submit_setup(tx, session, method)
    needs_authentication = payment_intents.needs_authentication(method, _three_d_secure(session))
    if not needs_authentication and buyer.card.declines is None:
        _make_customer(tx, session)
    intent = _intent_of(tx, session)
    payment_intents.confirm_payment(tx, intent, method, off_session=False)
    if not needs_authentication:
        _complete(tx, session, intent, method)
    return not needs_authentication


def _three_d_secure(session: Obj) -> str:
    return str(session["payment_method_options"]["card"]["request_three_d_secure"])


def _submit_setup(tx: Tx, session: Obj, method: Obj) -> bool:
    """Saves the card for later; nothing is due today."""
    if (
        not payment_intents.needs_authentication(method, _three_d_secure(session))
        and refusal_to_save(card_of(method)) is None
    ):
        _make_customer(tx, session)
    done = setup_mode.save_card(tx, session, method)
    if done:
        _complete(tx, session, None, method)
    return done


def authenticate_session(tx: Tx, session: Obj, *, completed: bool) -> None:
    """Completes or fails 3D Secure; a failure raises its 402 and the session stays open."""
    _check_open(session)
    if not session_requires_action(tx, session):
        raise invalid("There is nothing to authenticate.")
    method = tx.get("payment_method", session["_"]["method"])
    if not session["amount_total"]:
        if completed:
            _make_customer(tx, session)
        setup_mode.authenticate_card(tx, session, completed=completed)
        _complete(tx, session, None, method)
        return
    intent = _intent_of(tx, session)
    if completed and card_of(method).declines is None:
        _make_customer(tx, session)
        intent["customer"] = session["customer"]
    payment_intents.authenticate_payment(tx, intent, completed=completed)
    _complete(tx, session, intent, method)


def session_requires_action(tx: Tx, session: Obj) -> bool:
    """True if the session waits for 3D Secure."""
    if session["status"] != "open" or session["_"].get("method") is None:
        return False
    if not session["amount_total"]:
        setup = setup_mode.find_setup(tx, session)
        return setup is not None and setup["status"] == "requires_action"
    return bool(_intent_of(tx, session)["status"] == "requires_action")


def expire_session(tx: Tx, session: Obj) -> None:
    """Expires the session. With `after_expiration[recovery]` it can be recovered."""
    tx.unschedule(session["id"])
    set_recovery_url(tx, session)
    setup_mode.abandon_setup(tx, session)
    _abandon_payment(tx, session)
    session |= {"status": "expired", "url": None}
    tx.save(session, "checkout.session.expired")


def _abandon_payment(tx: Tx, session: Obj) -> None:
    """Cancels a payment that failed or waits for 3D Secure."""
    intent_id = session["_"].get("intent")
    if intent_id is not None:
        payment_intents.cancel_intent(tx, tx.get("payment_intent", intent_id), "expired")


def expire_due(tx: Tx, session_id: str) -> None:
    """Expires a session whose `expires_at` has passed."""
    session = tx.get("checkout.session", session_id)
    if session["status"] == "open":
        expire_session(tx, session)


def _check_open(session: Obj) -> None:
    if session["status"] != "open":
        raise invalid(f"This Checkout Session is {session['status']}: it cannot be paid.")


def _intent_of(tx: Tx, session: Obj) -> Obj:
    """The session's payment intent, created when the buyer first confirms.

    Only a session in `payment` mode shows it.
    """
    stored = session["_"].get("intent")
    if stored is not None:
        return tx.get("payment_intent", stored)
    data: dict[str, Any] = session["_"]["payment_intent_data"]
    subscribing = session["mode"] == "subscription"
    intent = payment_intents.make_intent(
        tx,
        session["amount_total"],
        session["currency"],
        customer=session["customer"],
        payment_method_options=payment_intents.card_payment_options(_three_d_secure(session)),
        _={"checkout": session["id"]},
        **({"description": "Subscription creation", "setup_future_usage": "off_session"} if subscribing else data),
    )
    session["_"]["intent"] = intent["id"]
    if not subscribing:
        session["payment_intent"] = intent["id"]
    tx.save(session)
    return intent


def _complete(tx: Tx, session: Obj, intent: Obj | None, method: Obj | None) -> None:
    _make_customer(tx, session)
    customer = None if session["customer"] is None else tx.get("customer", session["customer"])
    if customer is not None and method is not None and saves_card(session):
        method["customer"] = customer["id"]
        tx.save(method, "payment_method.attached")
    if session["mode"] == "subscription" and customer is not None:
        create_subscription(tx, session, customer, intent, method)
    elif creates_invoice(session) and customer is not None:
        create_invoice(tx, session, customer, intent)
    else:
        apply_offer(tx, session)
    _close(tx, session, customer)


def _make_customer(tx: Tx, session: Obj) -> None:
    """Makes a customer if the session needs one and has none.

    Called just before the charge, so that a declined payment makes no customer.
    """
    buyer = session["_"]["buyer"]
    if session["customer"] is not None:
        customer = tx.get("customer", session["customer"])
        contact = {"email": customer["email"] or buyer["email"], "phone": buyer["phone"] or customer["phone"]}
        if contact != {name: customer[name] for name in contact}:
            customer |= contact
            tx.save(customer, "customer.updated")
    elif _needs_customer(session):
        made = tx.insert(make_customer(tx, **buyer), "customer.created")
        session["customer"] = made["id"]
        tx.save(session)


def _needs_customer(session: Obj) -> bool:
    """True if the session needs a customer. Saving a card does, except in `setup` mode."""
    required = session["customer_creation"] == "always" or creates_invoice(session)
    return required or (session["mode"] != "setup" and saves_card(session))


def _close(tx: Tx, session: Obj, customer: Obj | None) -> None:
    buyer = session["_"]["buyer"]
    tx.unschedule(session["id"])
    write_answers(session)
    session |= {
        "status": "complete",
        "payment_status": "paid" if session["amount_total"] else "no_payment_required",
        "url": None,
        "customer_details": {
            "address": None if session["mode"] == "setup" else (customer or {}).get("address"),
            "business_name": session["collected_information"]["business_name"],
            "email": (customer or {}).get("email") or buyer["email"],
            "individual_name": session["collected_information"]["individual_name"],
            "name": buyer["name"] or (customer or {}).get("name"),
            "phone": buyer["phone"] or (customer or {}).get("phone"),
            "tax_exempt": "none",
            "tax_ids": [],
        },
    }
    tx.save(session, "checkout.session.completed")


def build_success_url(session: Obj) -> str:
    """The URL of the success page, with `{CHECKOUT_SESSION_ID}` replaced and all else unchanged."""
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
