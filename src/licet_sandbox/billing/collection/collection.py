"""Getting an invoice paid: the first try, the retries, and what a failure does.

How often a failed renewal is tried again, and what follows the last try, are settings: `dunning.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import subscription_status
from licet_sandbox.billing.collection.dunning import load_dunning
from licet_sandbox.billing.collection.sent_invoices import is_by_mail, send
from licet_sandbox.billing.invoices.invoices import (
    finalize,
    mark_paid,
    note_try,
    payment_of,
    stop_collecting,
    subscription_of,
)
from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.payments import payment_intents
from licet_sandbox.errors import StripeError

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def settle(tx: Tx, invoice: Obj, payment: Obj | None) -> None:
    """It is paid, and its subscription stands well."""
    mark_paid(tx, invoice, payment)
    subscription_status.invoice_paid(tx, invoice)
    if payment is not None:
        _keep_card(tx, invoice, tx.get("payment_intent", payment["payment"]["payment_intent"]))


def _keep_card(tx: Tx, invoice: Obj, intent: Obj) -> None:
    """With `save_default_payment_method` the card that paid becomes the subscription's."""
    subscription = subscription_of(tx, invoice)
    if subscription is None or subscription["payment_settings"]["save_default_payment_method"] != "on_subscription":
        return
    method = tx.find(intent["payment_method"])
    if method is not None and method["customer"] == subscription["customer"]:
        subscription["default_payment_method"] = method["id"]
        tx.save(subscription, "customer.subscription.updated")


def collect(tx: Tx, invoice: Obj, *, off_session: bool, method: Obj | None = None, handled: bool = True) -> None:
    """One try, with this card or the one on file. A decline raises; 3-D Secure leaves the intent `requires_action`,
    or is a decline where the caller has not `handled` it.
    """
    payment = payment_of(tx, invoice)
    intent = tx.get("payment_intent", payment["payment"]["payment_intent"])
    chosen = method or method_on_file(tx, invoice)
    note_try(invoice)
    if chosen is None:
        refusal = _no_card()
        _failed(tx, invoice, refusal)
        raise refusal
    try:
        payment_intents.confirm(tx, intent, chosen, off_session=off_session, handled=handled)
    except StripeError as refusal:
        if refusal.error.get("decline_code") == "authentication_required":
            # Stripe keeps asking: the customer can still authenticate on the invoice's page.
            intent["payment_method"] = chosen["id"]
            payment_intents.ask_for_action(tx, intent)
        _failed(tx, invoice, refusal)
        raise
    _after_try(tx, invoice, payment, intent)


def authenticate(tx: Tx, invoice: Obj, *, completed: bool) -> None:
    """The customer went through 3-D Secure for this invoice, or failed there (raises)."""
    payment = payment_of(tx, invoice)
    intent = tx.get("payment_intent", payment["payment"]["payment_intent"])
    try:
        payment_intents.authenticate(tx, intent, completed=completed)
    except StripeError as refusal:
        _failed(tx, invoice, refusal)
        raise
    _after_try(tx, invoice, payment, intent)


def _after_try(tx: Tx, invoice: Obj, payment: Obj, intent: Obj) -> None:
    if intent["status"] == "succeeded":
        settle(tx, invoice, payment)
    else:
        tx.save(invoice, "invoice.updated", "invoice.payment_action_required")


def method_on_file(tx: Tx, invoice: Obj) -> Obj | None:
    """The card that an invoice is tried with: its own default, else what pays for its subscription or customer."""
    if invoice["default_payment_method"] is not None:
        return tx.find(invoice["default_payment_method"])
    subscription = subscription_of(tx, invoice)
    if subscription is not None:
        return method_of(tx, subscription)
    return _default_of(tx, invoice["customer"])


def method_of(tx: Tx, subscription: Obj) -> Obj | None:
    """The card that renews: the subscription's default, else the customer's."""
    chosen = subscription["default_payment_method"]
    return tx.find(chosen) if chosen is not None else _default_of(tx, subscription["customer"])


def _default_of(tx: Tx, customer_id: str) -> Obj | None:
    """None as well where the customer was deleted: its open invoices can still be looked at, and paid."""
    customer = tx.find(customer_id)
    chosen = None if customer is None else customer["invoice_settings"]["default_payment_method"]
    return tx.find(chosen) if chosen is not None else None


def retry(tx: Tx, invoice_id: str) -> None:
    """A retry fell due."""
    invoice = tx.get("invoice", invoice_id)
    if invoice["status"] != "open":
        return
    invoice["_"]["retries"] += 1
    collect_quietly(tx, invoice)


def finalize_due(tx: Tx, invoice_id: str) -> None:
    """A renewal's draft has waited its hour."""
    invoice = tx.get("invoice", invoice_id)
    if invoice["status"] != "draft":
        return
    finalize(tx, invoice)
    if invoice["amount_due"] == 0:
        settle(tx, invoice, None)
        return
    collect_quietly(tx, invoice)


def collect_quietly(tx: Tx, invoice: Obj) -> None:
    """A try that nobody waits for: a decline is written down by `_failed`, there is no one to raise it to.

    What is not charged but paid by hand is sent instead.
    """
    if is_by_mail(invoice):
        send(tx, invoice)
        return
    try:
        collect(tx, invoice, off_session=True)
    except StripeError as refusal:
        if not refusal.keep:
            raise
        _give_up(tx, invoice)


def _give_up(tx: Tx, invoice: Obj) -> None:
    """After the last try: what the account's settings say becomes of the subscription."""
    subscription = subscription_of(tx, invoice)
    if subscription is None or not _is_retried(invoice, subscription) or invoice["next_payment_attempt"] is not None:
        return
    subscription_status.retries_ended(tx, subscription, load_dunning(tx.store).after_retries)
    if invoice["auto_advance"]:
        stop_collecting(tx, invoice)


def _is_retried(invoice: Obj, subscription: Obj) -> bool:
    """First invoices wait for their customer instead, and so does what is not collected by itself."""
    waits = is_by_mail(invoice) or subscription["status"] == "incomplete" or ended(subscription)
    return invoice["auto_advance"] and not waits


def _failed(tx: Tx, invoice: Obj, refusal: StripeError) -> None:
    """Write a failed try down, with the time of the next one where there is one."""
    subscription = subscription_of(tx, invoice)
    if subscription is not None and _is_retried(invoice, subscription):
        planned = invoice["next_payment_attempt"]
        if planned is None or planned <= tx.now:
            planned = load_dunning(tx.store).next_try(invoice["_"]["retries"], tx.now)
            invoice["next_payment_attempt"] = planned
            if planned is not None:
                tx.schedule("invoice.retry", invoice["id"], planned)
    action = refusal.error.get("decline_code") == "authentication_required"
    asked = ["invoice.payment_action_required"] if action else []
    tx.save(invoice, "invoice.updated", *asked, "invoice.payment_failed")
    if not is_by_mail(invoice):
        subscription_status.invoice_failed(tx, invoice)


def _no_card() -> StripeError:
    message = (
        "Cannot charge customer that has no active card: attach a payment method to it and make it the default, "
        "or name one."
    )
    return StripeError(402, {"type": "card_error", "code": "missing", "message": message}, keep=True)
