"""Invoices: retrieve, list, finalize, pay, void."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import collection, subscription_status
from licet_sandbox.billing.invoices import invoices
from licet_sandbox.billing.payments.payment_methods import check_usable, method_or_token, owned_method
from licet_sandbox.errors import StripeError, invalid
from licet_sandbox.kit.lists import Where, page, ranged, same, slice_page

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def retrieve(tx: Tx, _: Params, invoice_id: str) -> Obj:
    """Retrieve an invoice."""
    return tx.get("invoice", invoice_id)


def list_all(tx: Tx, p: Params) -> Obj:
    """List invoices, newest first."""
    wheres: list[Where] = ranged(p, "due_date")
    if "subscription" in p:
        wheres.append(("json ->> '$.parent.subscription_details.subscription' = ?", (p.get("subscription"),)))
    return page(tx, p, "invoice", "/v1/invoices", same(p, "customer", "status", "collection_method"), wheres)


def list_lines(tx: Tx, p: Params, invoice_id: str) -> Obj:
    """List all lines; the invoice itself includes the first ten."""
    invoice = tx.get("invoice", invoice_id)
    return slice_page(p, invoice["_"]["lines"], f"/v1/invoices/{invoice_id}/lines")


def finalize(tx: Tx, p: Params, invoice_id: str) -> Obj:
    """Finalize a draft now; payment is attempted immediately unless `auto_advance=false`."""
    invoice = tx.get("invoice", invoice_id)
    _require_status(invoice, "draft", verb="finalize")
    tx.unschedule(invoice_id)
    invoice["auto_advance"] = p.get("auto_advance", invoice["auto_advance"])
    invoices.finalize_invoice(tx, invoice)
    if invoice["amount_due"] == 0:
        collection.record_payment(tx, invoice, None)
    elif invoice["auto_advance"]:
        collection.collect_automatically(tx, invoice)
    return invoice


def pay(tx: Tx, p: Params, invoice_id: str) -> Obj:
    """Pay an invoice with the card on file or the given card, or mark it as paid out of band."""
    invoice = tx.get("invoice", invoice_id)
    if invoice["status"] == "paid":
        raise invalid("Invoice is already paid", code="invoice_already_paid")
    p.refuse("forgive", False)
    off_session = p.get("off_session", True)
    if invoice["status"] == "draft":
        tx.unschedule(invoice_id)
        invoices.finalize_invoice(tx, invoice)
    _require_status(invoice, "open", "uncollectible", verb="pay")
    if p.get("paid_out_of_band", False):
        invoices.cancel_payments(tx, invoice, "void_invoice")
        collection.record_payment(tx, invoice, None)
        return invoice
    if invoice["amount_due"] == 0:
        collection.record_payment(tx, invoice, None)
        return invoice
    collection.collect(tx, invoice, off_session=off_session, method=_chosen(tx, p, invoice["customer"]))
    if invoice["status"] != "paid":
        raise _action_required()
    return invoice


def _chosen(tx: Tx, p: Params, customer_id: str) -> Obj | None:
    """The given payment method; 400 if it is attached to another customer."""
    if not p.text("payment_method"):
        return None
    method = method_or_token(tx, p.get("payment_method"), "payment_method")
    check_usable(method, "payment_method")
    return method if method["customer"] is None else owned_method(tx, method["id"], customer_id, "payment_method")


def _action_required() -> StripeError:
    message = "This payment requires additional user action before it can be completed successfully."
    error = {"type": "card_error", "code": "invoice_payment_intent_requires_action", "message": message}
    return StripeError(402, error, keep=True)


def void(tx: Tx, _: Params, invoice_id: str) -> Obj:
    """Void an invoice."""
    invoice = tx.get("invoice", invoice_id)
    _require_status(invoice, "open", "uncollectible", verb="void")
    invoices.void_invoice(tx, invoice)
    subscription_status.invoice_voided(tx, invoice)
    return invoice


def mark_uncollectible(tx: Tx, _: Params, invoice_id: str) -> Obj:
    """Mark an invoice as uncollectible."""
    invoice = tx.get("invoice", invoice_id)
    _require_status(invoice, "open", verb="mark as uncollectible")
    invoices.mark_invoice_uncollectible(tx, invoice)
    subscription_status.invoice_marked_uncollectible(tx, invoice)
    return invoice


def _require_status(invoice: Obj, *allowed: str, verb: str) -> None:
    if invoice["status"] not in allowed:
        statuses = " or ".join(allowed)
        raise invalid(f"You can only {verb} an invoice that is {statuses}. This one is {invoice['status']}.")
