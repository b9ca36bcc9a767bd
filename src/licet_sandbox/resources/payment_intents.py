"""Payment intents: a payment to be made, and how far it got."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing import payments
from licet_sandbox.billing.methods import method_or_token
from licet_sandbox.errors import StripeError, invalid
from licet_sandbox.kit.fields import merge_metadata, metadata_of
from licet_sandbox.kit.lists import page, same

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_TEXTS = ("description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix")


def create(tx: Tx, p: Params) -> Obj:
    """A payment; tried at once with `confirm=true`."""
    p.refuse("capture_method", "automatic", "automatic_async")
    p.refuse("confirmation_method", "automatic")
    amount = p.need("amount")
    if not 1 <= amount <= 99999999:
        code = "amount_too_small" if amount < 1 else "amount_too_large"
        raise invalid("Invalid amount: from 1 to 99999999.", param="amount", code=code)
    customer = p.text("customer")
    if customer is not None:
        tx.named("customer", customer, "customer")
    intent = payments.make_intent(
        tx,
        amount,
        p.need("currency").lower(),
        customer=customer,
        metadata=metadata_of(p),
        setup_future_usage=p.get("setup_future_usage"),
        automatic_payment_methods=_automatic(p),
        **{key: p.text(key) for key in _TEXTS},
    )
    if "payment_method" in p:
        _choose(tx, intent, p)
    if p.get("confirm", False):
        _confirm(tx, intent, p)
    elif "off_session" in p:
        raise invalid("`off_session` can only be given with `confirm=true`.", param="off_session")
    return intent


def _automatic(p: Params) -> Obj:
    given = p.sub("automatic_payment_methods")
    return {"enabled": given.get("enabled", True), "allow_redirects": given.get("allow_redirects", "always")}


def _choose(tx: Tx, intent: Obj, p: Params) -> None:
    method = method_or_token(tx, p.need("payment_method"), "payment_method")
    if method["customer"] is not None and method["customer"] != intent["customer"]:
        message = "The PaymentMethod belongs to another customer than this PaymentIntent."
        raise invalid(message, param="payment_method")
    intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    tx.save(intent)


def _confirm(tx: Tx, intent: Obj, p: Params) -> None:
    p.text("return_url")
    off_session = p.get("off_session", False)
    p.get("use_stripe_sdk")
    fail_on_action = p.get("error_on_requires_action", False)
    if intent["payment_method"] is None:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise invalid(message, code="payment_intent_unexpected_state")
    method = tx.get("payment_method", intent["payment_method"])
    try:
        payments.confirm(tx, intent, method, off_session=off_session not in (False, "false"))
    except StripeError as refusal:
        # The caller's later requests find the failed try; only an error before it leaves nothing behind.
        refusal.keep = True
        raise
    if intent["status"] == "requires_action" and fail_on_action:
        raise payments.authentication_failure()
    if intent["status"] == "succeeded" and intent["setup_future_usage"] is not None and intent["customer"] is not None:
        method["customer"] = intent["customer"]
        tx.save(method, "payment_method.attached")


def confirm(tx: Tx, p: Params, intent_id: str) -> Obj:
    """Try to pay."""
    intent = tx.get("payment_intent", intent_id)
    if intent["status"] in {"succeeded", "canceled", "processing"}:
        message = f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}."
        raise invalid(message, code="payment_intent_unexpected_state")
    if "setup_future_usage" in p:
        intent["setup_future_usage"] = p.text("setup_future_usage")
    if "payment_method" in p:
        _choose(tx, intent, p)
    _confirm(tx, intent, p)
    return intent


def cancel(tx: Tx, p: Params, intent_id: str) -> Obj:
    """Give it up."""
    intent = tx.get("payment_intent", intent_id)
    if intent["status"] in {"succeeded", "canceled"}:
        message = f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
        raise invalid(message, code="payment_intent_unexpected_state")
    payments.cancel_intent(tx, intent, p.get("cancellation_reason"))
    return intent


def update(tx: Tx, p: Params, intent_id: str) -> Obj:
    """Change what describes it. Stripe sends no event for that."""
    intent = tx.get("payment_intent", intent_id)
    for name in _TEXTS:
        if name in p:
            intent[name] = p.text(name)
    merge_metadata(intent, p)
    return tx.save(intent)


def retrieve(tx: Tx, p: Params, intent_id: str) -> Obj:
    """One payment intent."""
    p.text("client_secret")
    return tx.get("payment_intent", intent_id)


def list_all(tx: Tx, p: Params) -> Obj:
    """Payment intents, newest first."""
    return page(tx, p, "payment_intent", "/v1/payment_intents", same(p, "customer"))
