"""Draft invoices: create, update, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection.sent_invoices import is_sent_invoice
from licet_sandbox.billing.invoices.customer_balance import DEFAULT_CURRENCY
from licet_sandbox.billing.invoices.debits import invoice_item_id_of
from licet_sandbox.billing.invoices.invoice_items import pending_items
from licet_sandbox.billing.invoices.invoices import inherited_discounts, make_invoice, subscription_of
from licet_sandbox.billing.invoices.lines import item_line
from licet_sandbox.billing.invoices.totals import compute_invoice_totals
from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.payments.payment_methods import owned_method
from licet_sandbox.errors import invalid, unsupported
from licet_sandbox.ids import new_id
from licet_sandbox.kit.fields import currency_code, merge_metadata, metadata_of, recipient_of
from licet_sandbox.resources.catalogue.discounts import DiscountContext, set_discounts
from licet_sandbox.resources.subscriptions.collection_params import invoice_collection

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_HOUR = 3600
_YEAR = 366 * 24 * 3600
_MAX_FINALIZE_DELAY_SECONDS = 5 * _YEAR
# Text fields of a draft. The other fields are handled one by one.
_TEXTS = ("description", "footer", "statement_descriptor")
# Parameters that are allowed after a draft was finalized.
_EDITABLE_WHEN_FINALIZED = ("auto_advance", "default_payment_method", "expand", "metadata")


def create(tx: Tx, p: Params) -> Obj:
    """Create a draft, empty unless pending items are included."""
    _refuse_unsupported(p)
    subscription = None
    if p.text("subscription"):
        subscription = tx.named("subscription", p.get("subscription"), "subscription")
        if ended(subscription):
            raise invalid(f"The subscription `{subscription['id']}` has ended.", param="subscription")
    customer_id = p.text("customer") or (subscription or {}).get("customer")
    if customer_id is None:
        raise p.missing("customer")
    customer = tx.named("customer", customer_id, "customer")
    if subscription is not None and subscription["customer"] != customer_id:
        message = f"The subscription does not belong to the customer `{customer_id}`."
        raise invalid(message, param="subscription")
    currency = _currency(p, customer, subscription)
    items = _pending(tx, p, customer, subscription, currency)
    invoice_id = new_id("invoice")
    discounts: Obj = {"discounts": inherited_discounts(tx, subscription)}
    amount = sum(item["amount"] for item in items) if items else None
    ancestors = tuple(discounts["discounts"])
    set_discounts(
        tx, discounts, p, DiscountContext(customer_id, currency, amount), ancestors=ancestors, invoice=invoice_id
    )
    invoice = make_invoice(
        tx,
        customer,
        [item_line(tx, item) for item in items],
        id=invoice_id,
        **discounts,
        subscription=subscription,
        currency=currency,
        billing_reason="manual",
        auto_advance=False,
        metadata=metadata_of(p),
        **_details(tx, p, customer_id),
        **invoice_collection(tx, p, subscription),
    )
    set_advance(tx, invoice, p)
    return tx.save(invoice)


def _currency(p: Params, customer: Obj, subscription: Obj | None) -> str:
    own = subscription["currency"] if subscription is not None else None
    currency = currency_code(p.text("currency") or own or customer["currency"] or DEFAULT_CURRENCY, "currency")
    if own is not None and currency != own:
        raise invalid(f"The subscription is in `{own}`.", param="currency")
    return currency


def _pending(tx: Tx, p: Params, customer: Obj, subscription: Obj | None, currency: str) -> list[Obj]:
    if p.get("pending_invoice_items_behavior", "exclude") == "exclude":
        return []
    of = None if subscription is None else (subscription["id"],)
    items = pending_items(tx, customer["id"], currency, of=of)
    if not items:
        raise invalid("Nothing to invoice for customer", param="customer", code="invoice_no_customer_line_items")
    return items


def _details(tx: Tx, p: Params, customer_id: str) -> Obj:
    """The given fields of an invoice other than its lines."""
    found: Obj = {name: p.text(name) for name in _TEXTS if name in p}
    if "custom_fields" in p:
        found["custom_fields"] = p.get("custom_fields") or None
    if "effective_at" in p:
        found["effective_at"] = p.get("effective_at") or None
    if "shipping_details" in p:
        recipient = p.sub("shipping_details")
        found["shipping_details"] = recipient_of(recipient) if recipient else None
    if "default_payment_method" in p:
        chosen = p.text("default_payment_method")
        owned = None if chosen is None else owned_method(tx, chosen, customer_id, "default_payment_method")["id"]
        found["default_payment_method"] = owned
    if p.text("number"):
        found["number"] = _free_number(tx, p.get("number"))
    return found


def _free_number(tx: Tx, number: str) -> str:
    if tx.select("invoice", "json ->> '$.number' = ?", number):
        raise invalid(f"The invoice number `{number}` is already in use.", param="number")
    return number


def set_advance(tx: Tx, invoice: Obj, p: Params) -> None:
    """Apply `auto_advance` and `automatically_finalizes_at`, by default an hour from now."""
    at = p.get("automatically_finalizes_at")
    advance = p.get("auto_advance", invoice["auto_advance"] or at is not None)
    if at is not None and not advance:
        message = "`automatically_finalizes_at` needs `auto_advance=true`."
        raise invalid(message, param="automatically_finalizes_at")
    if at is not None and not tx.now < at <= tx.now + _MAX_FINALIZE_DELAY_SECONDS:
        message = "`automatically_finalizes_at` must be in the future, and at most five years ahead."
        raise invalid(message, param="automatically_finalizes_at")
    if not advance:
        tx.unschedule(invoice["id"])
        invoice |= {"auto_advance": False, "automatically_finalizes_at": None, "next_payment_attempt": None}
        return
    invoice["auto_advance"] = True
    if invoice["status"] == "draft":
        moment = at or invoice["automatically_finalizes_at"] or tx.now + _HOUR
        invoice["automatically_finalizes_at"] = moment
        tx.schedule("invoice.finalize", invoice["id"], moment)
    elif invoice["status"] == "open" and invoice["next_payment_attempt"] is None and not is_sent_invoice(invoice):
        invoice["next_payment_attempt"] = tx.now + _HOUR
        tx.schedule("invoice.retry", invoice["id"], tx.now + _HOUR)


def update(tx: Tx, p: Params, invoice_id: str) -> Obj:
    """Update an invoice. If finalized, only metadata, payment method and `auto_advance` can change."""
    invoice = tx.get("invoice", invoice_id)
    _refuse_unsupported(p)
    frozen = [name for name in p.names() if name not in _EDITABLE_WHEN_FINALIZED]
    if frozen and invoice["status"] != "draft":
        message = f"Finalized invoices can't be updated in this way: `{frozen[0]}`."
        raise invalid(message, param=frozen[0], code="invoice_not_editable")
    invoice |= _details(tx, p, invoice["customer"])
    if invoice["status"] == "draft":
        invoice |= invoice_collection(tx, p, invoice)
    if "discounts" in p:
        _discount(tx, invoice, p)
    if "auto_advance" in p or "automatically_finalizes_at" in p:
        set_advance(tx, invoice, p)
    merge_metadata(invoice, p)
    return tx.save(invoice, "invoice.updated")


def _discount(tx: Tx, invoice: Obj, p: Params) -> None:
    use = DiscountContext(invoice["customer"], invoice["currency"], invoice["subtotal"])
    ancestors = inherited_discounts(tx, subscription_of(tx, invoice))
    set_discounts(tx, invoice, p, use, ancestors=ancestors, invoice=invoice["id"])
    compute_invoice_totals(tx, invoice)


def delete(tx: Tx, _: Params, invoice_id: str) -> Obj:
    """Delete a draft that does not belong to a subscription.

    Invoice items that the draft collected are pending again; items that were added to it directly are deleted.
    """
    invoice = tx.get("invoice", invoice_id)
    if invoice["status"] != "draft":
        message = f"You can only delete draft invoices. This one is {invoice['status']}: void it instead."
        raise invalid(message, code="invoice_not_editable")
    if invoice["parent"] is not None:
        raise invalid("You cannot delete an invoice of a subscription. Finalize and void it instead.")
    tx.unschedule(invoice_id)
    for line in invoice["_"]["lines"]:
        item_id = invoice_item_id_of(line)
        if item_id is not None:
            _release_item(tx, tx.get("invoiceitem", item_id))
    return tx.delete(invoice, "invoice.deleted")


def _release_item(tx: Tx, item: Obj) -> None:
    if item.get("_", {}).get("direct"):
        tx.delete(item, "invoiceitem.deleted")
    else:
        item["invoice"] = None
        tx.save(item)


def _refuse_unsupported(p: Params) -> None:
    """Refuse parameters of features that this sandbox does not have, unless they are switched off."""
    p.sub("automatic_tax").refuse("enabled", False)
    p.sub("issuer").refuse("type", "self")
    for name in ("account_tax_ids", "default_tax_rates", "shipping_cost", "transfer_data"):
        p.refuse(name, "", [])
    settings = p.sub("payment_settings")
    types = settings.get("payment_method_types")
    if types not in (None, "", ["card"]):
        raise unsupported("payment methods other than cards", param=settings.name("payment_method_types"))
