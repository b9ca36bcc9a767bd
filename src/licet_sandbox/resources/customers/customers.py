"""Customers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.customers.customers import delete_customer, make_customer
from licet_sandbox.billing.invoices.customer_balance import DEFAULT_CURRENCY
from licet_sandbox.billing.payments.payment_methods import attach_to, owned_method
from licet_sandbox.errors import invalid
from licet_sandbox.kit.fields import address_of, email_of, merge_metadata, metadata_of, recipient_of
from licet_sandbox.kit.lists import page, same
from licet_sandbox.resources.customers.test_clocks import put_on_clock

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_TEXTS = ("description", "name", "phone")
# Absent from the object unless they have a value.
_NAMES = ("business_name", "individual_name")
_MAX_SEQUENCE = 999_999_999


def create(tx: Tx, p: Params) -> Obj:
    """Create a customer, and attach the payment method if one is given."""
    if p.text("test_clock"):
        put_on_clock(tx, p.get("test_clock"))
    fields = {key: p.text(key) for key in _TEXTS} | {key: p.text(key) for key in _NAMES if p.text(key)}
    customer = make_customer(tx, email=email_of(p, "email"), metadata=metadata_of(p), **fields)
    _set_details(customer, p)
    tx.insert(customer, "customer.created")
    attached = None
    if p.text("payment_method"):
        attached = attach_to(tx, p.get("payment_method"), customer["id"], "payment_method")
    _set_default(tx, customer, p, attached)
    return tx.save(customer, "customer.updated")


def _set_details(customer: Obj, p: Params) -> None:
    if "address" in p:
        customer["address"] = address_of(p.get("address"))
    if "shipping" in p:
        shipping = p.sub("shipping")
        customer["shipping"] = recipient_of(shipping) if shipping else None
    if "preferred_locales" in p:
        customer["preferred_locales"] = p.get("preferred_locales")
    if "tax_exempt" in p:
        customer["tax_exempt"] = p.get("tax_exempt") or "none"
    if p.text("invoice_prefix"):
        customer["invoice_prefix"] = p.get("invoice_prefix")
    if "next_invoice_sequence" in p:
        customer["next_invoice_sequence"] = _next_sequence(p, customer)
    if "balance" in p:
        customer["balance"] = p.get("balance")
        customer["currency"] = customer["currency"] or DEFAULT_CURRENCY


def _next_sequence(p: Params, customer: Obj) -> int:
    """The next invoice number; 400 if it was used already."""
    sequence: int = p.get("next_invoice_sequence")
    least = customer["next_invoice_sequence"]
    if not least <= sequence <= _MAX_SEQUENCE:
        message = f"Invalid next_invoice_sequence: it must be from {least}, the next free number, to {_MAX_SEQUENCE}."
        raise invalid(message, param="next_invoice_sequence")
    return sequence


def _set_default(tx: Tx, customer: Obj, p: Params, attached: Obj | None = None) -> None:
    """Set `invoice_settings`.

    attached: the payment method attached by this request. If a token created it, the token names it here too.
    """
    settings, updated = p.sub("invoice_settings"), dict(customer["invoice_settings"])
    if "default_payment_method" in settings:
        param = settings.name("default_payment_method")
        chosen = settings.text("default_payment_method")
        if chosen is not None and attached is not None and chosen == p.get("payment_method"):
            chosen = attached["id"]
        elif chosen is not None:
            chosen = owned_method(tx, chosen, customer["id"], param)["id"]
        updated["default_payment_method"] = chosen
    if "footer" in settings:
        updated["footer"] = settings.text("footer")
    if "custom_fields" in settings:
        updated["custom_fields"] = settings.get("custom_fields") or None
    customer["invoice_settings"] = updated


def retrieve(tx: Tx, _: Params, customer_id: str) -> Obj:
    """Retrieve a customer; a deleted one is `{id, object, deleted}`."""
    found = tx.find(customer_id, deleted=True)
    if found is not None and found["object"] == "customer":
        return found
    return tx.get("customer", customer_id)


def update(tx: Tx, p: Params, customer_id: str) -> Obj:
    """Update a customer."""
    customer = tx.get("customer", customer_id)
    customer.update({key: p.text(key) for key in (*_TEXTS, *_NAMES) if key in p})
    if "email" in p:
        customer["email"] = email_of(p, "email")
    for key in _NAMES:
        if customer.get(key, "") is None:
            del customer[key]
    _set_details(customer, p)
    _set_default(tx, customer, p)
    merge_metadata(customer, p)
    return tx.save(customer, "customer.updated")


def delete(tx: Tx, _: Params, customer_id: str) -> Obj:
    """Delete a customer permanently, cancel its subscriptions and remove its cards."""
    return delete_customer(tx, tx.get("customer", customer_id))


def list_all(tx: Tx, p: Params) -> Obj:
    """List customers, newest first."""
    return page(tx, p, "customer", "/v1/customers", same(p, "email", "test_clock"))
