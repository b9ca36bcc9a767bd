"""Collects invoices: the first attempt, retries, and what a failure leads to.

How often a failed renewal is retried, and what follows the last retry, are settings: `dunning.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import subscription_status
from licet_sandbox.billing.collection.dunning import load_dunning
from licet_sandbox.billing.collection.sent_invoices import is_sent_invoice, send_invoice
from licet_sandbox.billing.invoices.invoices import (
    mark_paid,
    open_payment,
    record_attempt,
    stop_collecting,
    subscription_of,
)
from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.payments import payment_intents
from licet_sandbox.errors import StripeError

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_NO_PAYMENT_METHOD = "missing"


def record_payment(tx: Tx, invoice: Obj, payment: Obj | None) -> None:
    """Marks the invoice paid and updates its subscription. payment: None if nothing was due."""
    mark_paid(tx, invoice, payment)
    subscription_status.invoice_paid(tx, invoice)
    if payment is not None:
        _save_default_card(tx, invoice, tx.get("payment_intent", payment["payment"]["payment_intent"]))


def _save_default_card(tx: Tx, invoice: Obj, intent: Obj) -> None:
    """Makes the card the subscription's default if `save_default_payment_method` says so."""
    subscription = subscription_of(tx, invoice)
    if subscription is None or subscription["payment_settings"]["save_default_payment_method"] != "on_subscription":
        return
    method = tx.find(intent["payment_method"])
    if method is not None and method["customer"] == subscription["customer"]:
        subscription["default_payment_method"] = method["id"]
        tx.save(subscription, "customer.subscription.updated")


def collect(
    tx: Tx, invoice: Obj, *, off_session: bool, method: Obj | None = None, error_on_requires_action: bool = False
) -> None:
    """Tries once to pay, with this payment method or the one on file.

    A decline raises its 402. If 3D Secure is required, the intent is left `requires_action`; with
    `error_on_requires_action` that is a decline.
    """
    payment = open_payment(tx, invoice)
    intent = tx.get("payment_intent", payment["payment"]["payment_intent"])
    chosen = method or payment_method_for_invoice(tx, invoice)
    record_attempt(invoice)
    if chosen is None:
        refusal = _no_payment_method_error()
        _record_failure(tx, invoice, refusal, retried=False)
        raise refusal
    try:
        payment_intents.confirm_payment(
            tx, intent, chosen, off_session=off_session, error_on_requires_action=error_on_requires_action
        )
    except StripeError as refusal:
        if refusal.error.get("decline_code") == "authentication_required":
            # Stripe keeps asking: the customer can still authenticate on the invoice's page.
            intent["payment_method"] = chosen["id"]
            payment_intents.require_action(tx, intent)
        _record_failure(tx, invoice, refusal)
        raise
    _record_outcome(tx, invoice, payment, intent)


def authenticate_invoice(tx: Tx, invoice: Obj, *, completed: bool) -> None:
    """Completes or fails 3D Secure of an invoice's payment; a failure raises its 402."""
    payment = open_payment(tx, invoice)
    intent = tx.get("payment_intent", payment["payment"]["payment_intent"])
    try:
        payment_intents.authenticate_payment(tx, intent, completed=completed)
    except StripeError as refusal:
        _record_failure(tx, invoice, refusal)
        raise
    _record_outcome(tx, invoice, payment, intent)


def _record_outcome(tx: Tx, invoice: Obj, payment: Obj, intent: Obj) -> None:
    if intent["status"] == "succeeded":
        record_payment(tx, invoice, payment)
    else:
        tx.save(invoice, "invoice.updated", "invoice.payment_action_required")


def payment_method_for_invoice(tx: Tx, invoice: Obj) -> Obj | None:
    """The invoice's default payment method, else that of its subscription or customer; or None."""
    if invoice["default_payment_method"] is not None:
        return tx.find(invoice["default_payment_method"])
    subscription = subscription_of(tx, invoice)
    if subscription is not None:
        return payment_method_for_subscription(tx, subscription)
    return _default_payment_method(tx, invoice["customer"])


def payment_method_for_subscription(tx: Tx, subscription: Obj) -> Obj | None:
    """The subscription's default payment method, else the customer's; or None."""
    chosen = subscription["default_payment_method"]
    return tx.find(chosen) if chosen is not None else _default_payment_method(tx, subscription["customer"])


def _default_payment_method(tx: Tx, customer_id: str) -> Obj | None:
    """The customer's default payment method, or None.

    Also None if the customer was deleted: the open invoices can still be viewed and paid.
    """
    customer = tx.find(customer_id)
    chosen = None if customer is None else customer["invoice_settings"]["default_payment_method"]
    return tx.find(chosen) if chosen is not None else None


def retry(tx: Tx, invoice_id: str) -> None:
    """Runs a retry that is due."""
    invoice = tx.get("invoice", invoice_id)
    if invoice["status"] != "open":
        return
    invoice["_"]["retries"] += 1
    collect_automatically(tx, invoice)


def collect_automatically(tx: Tx, invoice: Obj) -> None:
    """Tries to pay in the background: a decline is recorded and not raised.

    An invoice with `collection_method=send_invoice` is sent instead.
    """
    if is_sent_invoice(invoice):
        send_invoice(tx, invoice)
        return
    try:
        collect(tx, invoice, off_session=True)
    except StripeError as refusal:
        if not refusal.keep:
            raise
        if refusal.error["code"] != _NO_PAYMENT_METHOD:
            _apply_after_retries(tx, invoice)


def _apply_after_retries(tx: Tx, invoice: Obj) -> None:
    """Applies the account's setting to the subscription after the last retry."""
    subscription = subscription_of(tx, invoice)
    if subscription is None or not _is_retried(invoice, subscription) or invoice["next_payment_attempt"] is not None:
        return
    subscription_status.retries_ended(tx, subscription, load_dunning(tx.store).after_retries)
    if invoice["auto_advance"]:
        stop_collecting(tx, invoice)


def _is_retried(invoice: Obj, subscription: Obj) -> bool:
    """True if a failed payment of this invoice is retried.

    First invoices are not: they wait for the customer. Nor are invoices that are not collected automatically.
    """
    waits = is_sent_invoice(invoice) or subscription["status"] == "incomplete" or ended(subscription)
    return invoice["auto_advance"] and not waits


def _record_failure(tx: Tx, invoice: Obj, refusal: StripeError, *, retried: bool = True) -> None:
    """Records a failed attempt, and schedules the next one if there is one.

    retried: False without a payment method. Source: Stripe, "Automate payment retries".
    """
    subscription = subscription_of(tx, invoice)
    if not retried:
        tx.unschedule(invoice["id"], "invoice.retry")
        invoice["next_payment_attempt"] = None
    elif subscription is not None and _is_retried(invoice, subscription):
        planned = invoice["next_payment_attempt"]
        if planned is None or planned <= tx.now:
            planned = load_dunning(tx.store).next_try(invoice["_"]["retries"], tx.now)
            invoice["next_payment_attempt"] = planned
            if planned is not None:
                tx.schedule("invoice.retry", invoice["id"], planned)
    action = refusal.error.get("decline_code") == "authentication_required"
    action_events = ["invoice.payment_action_required"] if action else []
    tx.save(invoice, "invoice.updated", *action_events, "invoice.payment_failed")
    if not is_sent_invoice(invoice):
        subscription_status.invoice_failed(tx, invoice)


def _no_payment_method_error() -> StripeError:
    message = (
        "Cannot charge customer that has no active card: attach a payment method to it and make it the default, "
        "or name one."
    )
    return StripeError(402, {"type": "card_error", "code": _NO_PAYMENT_METHOD, "message": message}, keep=True)
