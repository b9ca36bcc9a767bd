"""Payment intents: create, update, confirm, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.authentication import invoice_of
from licet_sandbox.billing.collection import collection
from licet_sandbox.billing.payments import payment_intents
from licet_sandbox.errors import invalid
from licet_sandbox.kit.fields import currency_of, merge_metadata, metadata_of
from licet_sandbox.kit.lists import page, same
from licet_sandbox.resources.payments.intent_params import (
    apply_return_url,
    automatic_methods,
    check_method_owner,
    check_secret,
    check_status,
    choose_customer,
    choose_method,
    method_types,
    only_when_confirmed,
    required_method,
    unexpected_state,
)
from licet_sandbox.resources.payments.payment_details import check_amount, read_details

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_ENDED = ("succeeded", "canceled")
# Parameters that are allowed in every status.
_ALWAYS_EDITABLE = {"description", "expand", "metadata", "receipt_email", "shipping", "transfer_group"}
# Parameters that only the invoice may set, and those that the customer authenticated with 3D Secure.
_SET_BY_INVOICE = {"amount", "currency", "customer"}
_AUTHENTICATED_PARAMS = {"amount", "currency", "payment_method_options"}
_CONFIRM_PARAMS = ("error_on_requires_action", "off_session", "return_url", "use_stripe_sdk")


def create(tx: Tx, p: Params) -> Obj:
    """Create a payment intent, and confirm it with `confirm=true`."""
    p.refuse("confirmation_method", "automatic")
    confirming = p.get("confirm", False)
    if not confirming:
        only_when_confirmed(p, *_CONFIRM_PARAMS)
    currency = currency_of(p)
    chosen: Obj = {"object": "payment_intent", "customer": None, "payment_method": None, "status": None}
    choose_customer(tx, chosen, p)
    choose_method(tx, chosen, p)
    intent = payment_intents.make_intent(
        tx,
        check_amount(p.need("amount"), currency),
        currency,
        automatic_payment_methods=automatic_methods(p),
        customer=chosen["customer"],
        metadata=metadata_of(p),
        payment_method=chosen["payment_method"],
        status=chosen["status"] or "requires_payment_method",
        transfer_group=p.text("transfer_group"),
        **method_types(p),
        **read_details(p),
    )
    if confirming:
        _confirm(tx, intent, p)
    return intent


def update(tx: Tx, p: Params, intent_id: str) -> Obj:
    """Update a payment intent without confirming it. Like Stripe, sends no event."""
    intent = tx.get("payment_intent", intent_id)
    if set(p.names()) - _ALWAYS_EDITABLE:
        check_status(intent, "update", *_ENDED)
        _check_not_checkout(intent, "update")
    if set(p.names()) & _SET_BY_INVOICE:
        _check_not_invoice(tx, intent, "change what is paid with")
    if set(p.names()) - {"expand"}:
        intent["last_payment_error"] = None
    _change_amount(intent, p)
    choose_customer(tx, intent, p)
    choose_method(tx, intent, p)
    check_method_owner(tx, intent)
    intent |= method_types(p) | read_details(p)
    if intent["status"] == "requires_action" and set(p.names()) & _AUTHENTICATED_PARAMS:
        # The customer was asked to authenticate a different payment.
        intent |= {"status": "requires_confirmation", "next_action": None}
    if "transfer_group" in p:
        _set_transfer_group(intent, p)
    merge_metadata(intent, p)
    return tx.save(intent)


def _change_amount(intent: Obj, p: Params) -> None:
    if "amount" not in p and "currency" not in p:
        return
    if "currency" in p:
        intent["currency"] = currency_of(p)
    intent["amount"] = check_amount(p.get("amount", intent["amount"]), intent["currency"])


def _set_transfer_group(intent: Obj, p: Params) -> None:
    if intent["transfer_group"] is not None:
        raise unexpected_state(
            intent, "You can only provide `transfer_group` if it hasn't been set.", param="transfer_group"
        )
    intent["transfer_group"] = p.text("transfer_group")


def confirm(tx: Tx, p: Params, intent_id: str) -> Obj:
    """Confirm a payment intent: attempt the payment."""
    intent = tx.get("payment_intent", intent_id)
    check_status(intent, "confirm", *_ENDED)
    _check_not_checkout(intent, "confirm")
    p.refuse("amount_to_confirm", intent["amount"])
    choose_method(tx, intent, p)
    intent |= method_types(p) | read_details(p)
    _confirm(tx, intent, p)
    return intent


def _confirm(tx: Tx, intent: Obj, p: Params) -> None:
    apply_return_url(intent, p)
    off_session = p.get("off_session", False) not in (False, "false")
    error_on_requires_action = p.get("error_on_requires_action", False)
    method = required_method(tx, intent)
    invoice = invoice_of(tx, intent)
    if off_session and invoice is None and intent["setup_future_usage"] is not None:
        message = (
            "You cannot confirm with `off_session` when `setup_future_usage` is also set on the PaymentIntent: nothing "
            "can be set up for future usage while the customer is away."
        )
        raise invalid(message, param="off_session")
    # Refuse unsupported parameters now: a decline would keep its effects.
    p.end()
    if invoice is None:
        payment_intents.confirm_payment(
            tx, intent, method, off_session=off_session, error_on_requires_action=error_on_requires_action
        )
        payment_intents.mark_used(tx, intent)
        return
    collection.collect(
        tx, invoice, off_session=off_session, method=method, error_on_requires_action=error_on_requires_action
    )


def cancel(tx: Tx, p: Params, intent_id: str) -> Obj:
    """Cancel a payment intent."""
    intent = tx.get("payment_intent", intent_id)
    check_status(intent, "cancel", *_ENDED)
    _check_not_checkout(intent, "cancel")
    _check_not_invoice(tx, intent, "cancel")
    payment_intents.cancel_intent(tx, intent, p.get("cancellation_reason"))
    return intent


def _check_not_invoice(tx: Tx, intent: Obj, doing: str) -> None:
    """400 if the intent belongs to an invoice, which controls it."""
    if invoice_of(tx, intent) is not None:
        raise unexpected_state(
            intent, f"You cannot {doing} the PaymentIntent of an invoice. Change or void the invoice."
        )


def _check_not_checkout(intent: Obj, doing: str) -> None:
    """400 if the intent belongs to a checkout session, which controls it."""
    if intent.get("_", {}).get("checkout"):
        message = f"You cannot {doing} the PaymentIntent of a Checkout Session. Expire the Checkout Session instead."
        raise unexpected_state(intent, message)


def retrieve(tx: Tx, p: Params, intent_id: str) -> Obj:
    """Retrieve a payment intent."""
    return check_secret(tx.get("payment_intent", intent_id), p)


def list_all(tx: Tx, p: Params) -> Obj:
    """List payment intents, newest first."""
    return page(tx, p, "payment_intent", "/v1/payment_intents", same(p, "customer"))
