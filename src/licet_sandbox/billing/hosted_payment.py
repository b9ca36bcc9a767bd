"""Payment of an open invoice on its hosted page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import collection
from licet_sandbox.billing.invoices.invoices import open_payment, subscription_of
from licet_sandbox.billing.payments.payment_methods import attach_to, make_method
from licet_sandbox.billing.schedules.direct_changes import sync_schedule
from licet_sandbox.errors import StripeError

if TYPE_CHECKING:
    from licet_sandbox.billing.payments.cards import TypedCard
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def pay_on_invoice_page(tx: Tx, invoice: Obj, typed: TypedCard | None, *, keep: bool) -> None:
    """Tries to pay with this card; None: with the card on file.

    keep: makes a new card the default of the subscription once it has paid
    """
    method = None
    if typed is not None:
        method = make_method(
            tx, typed.card, exp_month=typed.exp_month, exp_year=typed.exp_year, email=invoice["customer_email"]
        )
        invoice["_"]["keep"] = method["id"] if keep else None
        tx.save(invoice)
    collection.collect(tx, invoice, off_session=False, method=method)
    _save_new_card(tx, invoice)


def invoice_requires_action(tx: Tx, invoice: Obj) -> bool:
    """True if the invoice's payment waits for 3D Secure."""
    if invoice["status"] != "open":
        return False
    intent = tx.get("payment_intent", open_payment(tx, invoice)["payment"]["payment_intent"])
    return intent["status"] == "requires_action" and intent["payment_method"] is not None


def authenticate_on_invoice_page(tx: Tx, invoice: Obj, *, completed: bool) -> None:
    """Completes or fails 3D Secure; a failure raises its 402."""
    collection.authenticate_invoice(tx, invoice, completed=completed)
    _save_new_card(tx, invoice)


def _save_new_card(tx: Tx, invoice: Obj) -> None:
    """Makes a new card that has paid the default payment method of the subscription."""
    method_id = invoice["_"].get("keep")
    subscription = subscription_of(tx, invoice)
    if invoice["status"] != "paid" or method_id is None or subscription is None:
        return
    try:
        attach_to(tx, method_id, invoice["customer"], "payment_method")
    except StripeError as refusal:
        if refusal.status != 402:
            raise
        return
    subscription["default_payment_method"] = method_id
    tx.save(subscription, "customer.subscription.updated")
    sync_schedule(tx, subscription)
