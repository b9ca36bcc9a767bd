"""Setup intents: prepare a card for later payments, without a charge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.payments.cards import decline, refusal_to_save
from licet_sandbox.billing.payments.next_actions import next_action
from licet_sandbox.billing.payments.payment_intents import mark_set_up, needs_authentication
from licet_sandbox.billing.payments.payment_methods import card_of
from licet_sandbox.errors import StripeError
from licet_sandbox.ids import new_id, random_text
from licet_sandbox.spec.shapes import public

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def make_setup(tx: Tx, **fields: Any) -> Obj:
    """Creates a setup intent; `setup_intent.created`."""
    setup_id = new_id("setup_intent")
    return tx.create(
        "setup_intent",
        "setup_intent.created",
        **{
            "id": setup_id,
            "automatic_payment_methods": None,
            "client_secret": f"{setup_id}_secret_{random_text(31)}",
            "metadata": {},
            "payment_method_options": {
                "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
            },
            "payment_method_types": ["card"],
            "status": "requires_payment_method" if fields.get("payment_method") is None else "requires_confirmation",
            "usage": "off_session",
            **fields,
        },
    )


def confirm_setup(tx: Tx, setup: Obj, method: Obj) -> None:
    """Tries to set up this card. The intent is then `succeeded` or `requires_action`.

    A refusal raises its 402, whose effects are kept.
    """
    setup |= {"payment_method": method["id"], "last_setup_error": None, "next_action": None}
    begin_attempt(tx, setup, method)
    card = card_of(method)
    authenticating = needs_authentication(method, setup["payment_method_options"]["card"]["request_three_d_secure"])
    refusal = decline("generic_decline") if authenticating and card.authentication_fails else refusal_to_save(card)
    if refusal is not None:
        raise _record_failure(tx, setup, method, refusal)
    if authenticating:
        setup |= {"status": "requires_action", "next_action": next_action(tx, setup)}
        end_attempt(tx, setup, "requires_action")
        tx.save(setup, "setup_intent.requires_action")
        return
    _succeed(tx, setup, method)


def authenticate_setup(tx: Tx, setup: Obj, *, completed: bool) -> None:
    """Completes or fails 3D Secure; a failure raises its 402."""
    method = tx.get("payment_method", setup["payment_method"])
    if not completed:
        raise _record_failure(tx, setup, method, _authentication_failure())
    if setup["usage"] == "off_session":
        mark_set_up(tx, method)
    _succeed(tx, setup, method)


def cancel_setup(tx: Tx, setup: Obj, reason: str | None) -> None:
    """Cancels the setup intent."""
    if setup["status"] == "requires_action":
        end_attempt(tx, setup, "abandoned")
    setup |= {"status": "canceled", "cancellation_reason": reason, "next_action": None}
    tx.save(setup, "setup_intent.canceled")


def _succeed(tx: Tx, setup: Obj, method: Obj) -> None:
    """Attaches the card to the intent's customer, if there is one; it does not become the default."""
    if setup["customer"] is not None and method["customer"] is None:
        method["customer"] = setup["customer"]
        tx.save(method, "payment_method.attached")
    end_attempt(tx, setup, "succeeded")
    setup |= {"status": "succeeded", "next_action": None}
    tx.save(setup, "setup_intent.succeeded")
    _update_subscription(tx, setup)


def _update_subscription(tx: Tx, setup: Obj) -> None:
    """Clears `pending_setup_intent` of the subscription that waited for it.

    With `save_default_payment_method` the card becomes the subscription's default.
    """
    subscription_id = setup.get("_", {}).get("subscription")
    if subscription_id is None:
        return
    subscription = tx.get("subscription", subscription_id)
    if subscription["pending_setup_intent"] != setup["id"]:
        return
    subscription["pending_setup_intent"] = None
    if subscription["payment_settings"]["save_default_payment_method"] == "on_subscription":
        subscription["default_payment_method"] = setup["payment_method"]
    tx.save(subscription, "customer.subscription.updated")


def _record_failure(tx: Tx, setup: Obj, method: Obj, refusal: StripeError) -> StripeError:
    """Records the failed attempt; returns the error to raise, which carries the intent as Stripe's does."""
    detail = dict(refusal.error)
    public_method = public(method)
    end_attempt(tx, setup, "failed", {**detail, "payment_method": public_method})
    setup |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "last_setup_error": {**detail, "payment_method": public_method},
    }
    tx.save(setup, "setup_intent.setup_failed")
    refusal.error |= {"setup_intent": public(setup), "payment_method": public_method}
    return refusal


def _authentication_failure() -> StripeError:
    """The 402 of a failed 3D Secure. Stripe calls it an invalid request, not a card error."""
    code = "setup_intent_authentication_failure"
    message = (
        "The latest attempt to set up the payment method has failed because authentication failed. Provide a new "
        "PaymentMethod to try again."
    )
    doc_url = f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}"
    error = {"type": "invalid_request_error", "code": code, "doc_url": doc_url, "message": message}
    return StripeError(402, error, keep=True)


def begin_attempt(tx: Tx, setup: Obj, method: Obj) -> Obj:
    """Creates a setup attempt. It becomes `latest_attempt`; the caller saves the setup intent."""
    card = method["card"]
    copied = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    details = {key: card[key] for key in copied} | {"network": card["brand"], "three_d_secure": None, "wallet": None}
    attempt = tx.create(
        "setup_attempt",
        customer=setup["customer"],
        payment_method=method["id"],
        payment_method_details={"type": "card", "card": details},
        setup_intent=setup["id"],
        status="requires_confirmation",
        usage=setup["usage"],
    )
    setup["latest_attempt"] = attempt["id"]
    return attempt


def end_attempt(tx: Tx, setup: Obj, status: str, error: Obj | None = None) -> None:
    """Sets the latest attempt's status: `requires_action`, `succeeded`, `failed` or `abandoned`."""
    if setup["latest_attempt"] is None:
        return
    attempt = tx.get("setup_attempt", setup["latest_attempt"])
    attempt |= {"status": status, "setup_error": error}
    tx.save(attempt)
