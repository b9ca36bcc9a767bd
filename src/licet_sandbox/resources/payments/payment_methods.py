"""Payment methods: test cards, by token (`pm_card_visa`) or by number."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from licet_sandbox.billing.payments.cards import card_by_number, card_by_token, check_expiry
from licet_sandbox.billing.payments.payment_methods import attach_to, make_method, set_billing_address
from licet_sandbox.errors import card_error, invalid, not_found, unsupported
from licet_sandbox.kit.fields import address_of, email_of, merge_metadata, metadata_of
from licet_sandbox.kit.lists import Where, page, same

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def create(tx: Tx, p: Params) -> Obj:
    """Create a card from its number or from a token such as `tok_visa`. It is not attached yet."""
    if p.need("type") != "card":
        raise unsupported(f"payment methods of type {p.get('type')}", param="type")
    given = p.sub("card")
    method = _by_token(tx, given) if "token" in given else _by_number(tx, given)
    _set_billing(method, p)
    method["metadata"] = metadata_of(p)
    method["allow_redisplay"] = p.get("allow_redisplay", "unspecified")
    return tx.save(method)


def _by_token(tx: Tx, given: Params) -> Obj:
    token = given.need("token")
    card = card_by_token(f"pm_card_{token.removeprefix('tok_')}") if token.startswith("tok_") else None
    if card is None:
        raise not_found("token", token, param=given.name("token"), status=400)
    return make_method(tx, card)


def _by_number(tx: Tx, given: Params) -> Obj:
    card = card_by_number(given.need("number"))
    month, year, cvc = given.need("exp_month"), given.need("exp_year"), given.text("cvc")
    _check_expiry(tx, month, year)
    if cvc is not None and not re.fullmatch("[0-9]{3,4}", cvc):
        raise card_error("Your card's security code is invalid.", "invalid_cvc", param="cvc")
    return make_method(tx, card, exp_month=month, exp_year=year)


def _check_expiry(tx: Tx, month: int, year: int) -> None:
    moment = datetime.fromtimestamp(tx.now, UTC)
    check_expiry(month, year, moment.month, moment.year)


def attach(tx: Tx, p: Params, method_id: str) -> Obj:
    """Attach a card to a customer. It does not become the default."""
    customer = tx.named("customer", p.need("customer"), "customer")
    return attach_to(tx, method_id, customer["id"], "payment_method")


def detach(tx: Tx, _: Params, method_id: str) -> Obj:
    """Detach a card, and clear it wherever it is the default. It cannot be used again."""
    method = tx.get("payment_method", method_id)
    if method["customer"] is None:
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    customer = tx.get("customer", method["customer"])
    if customer["invoice_settings"]["default_payment_method"] == method_id:
        customer["invoice_settings"]["default_payment_method"] = None
        tx.save(customer, "customer.updated")
    for subscription in tx.select("subscription", "json ->> '$.default_payment_method' = ?", method_id):
        subscription["default_payment_method"] = None
        tx.save(subscription, "customer.subscription.updated")
    method["customer"] = None
    method["_"]["detached"] = True
    tx.save(method)
    tx.emit("payment_method.detached", method, previous={"customer": customer["id"]})
    return method


def update(tx: Tx, p: Params, method_id: str) -> Obj:
    """Update the expiry, billing details or metadata of an attached card."""
    method = tx.get("payment_method", method_id)
    if method["customer"] is None:
        raise invalid("You must save this PaymentMethod to a customer before you can update it.")
    given = p.sub("card")
    if given:
        expiry = {name: given.get(name, method["card"][name]) for name in ("exp_month", "exp_year")}
        _check_expiry(tx, expiry["exp_month"], expiry["exp_year"])
        method["card"] |= expiry
    _set_billing(method, p)
    if "allow_redisplay" in p:
        method["allow_redisplay"] = p.get("allow_redisplay")
    merge_metadata(method, p)
    return tx.save(method, "payment_method.updated")


def retrieve(tx: Tx, _: Params, method_id: str) -> Obj:
    """Retrieve a payment method."""
    return tx.get("payment_method", method_id)


def list_all(tx: Tx, p: Params) -> Obj:
    """List a customer's payment methods, newest first. Without `customer` the list is empty."""
    own: list[Where] = [("json ->> '$.customer' = ?", (p.get("customer"),))]
    return page(tx, p, "payment_method", "/v1/payment_methods", own, same(p, "type", "allow_redisplay"))


def list_of_customer(tx: Tx, p: Params, customer_id: str) -> Obj:
    """List a customer's payment methods, by the path below the customer."""
    tx.get("customer", customer_id)
    own: list[Where] = [("json ->> '$.customer' = ?", (customer_id,))]
    url = f"/v1/customers/{customer_id}/payment_methods"
    return page(tx, p, "payment_method", url, own, same(p, "type", "allow_redisplay"), owned=True)


def retrieve_of_customer(tx: Tx, _: Params, customer_id: str, method_id: str) -> Obj:
    """Retrieve a payment method of a customer; 404 for another customer's."""
    tx.get("customer", customer_id)
    method = tx.get("payment_method", method_id)
    if method["customer"] != customer_id:
        raise invalid(f"No such PaymentMethod: '{method_id}'", param="id", code="resource_missing", status=404)
    return method


def _set_billing(method: Obj, p: Params) -> None:
    given = p.sub("billing_details")
    if "email" in given:
        method["billing_details"]["email"] = email_of(given, "email")
    for name in ("name", "phone", "tax_id"):
        if name in given:
            method["billing_details"][name] = given.text(name)
    if "address" in given:
        set_billing_address(method, address_of(given.get("address")))
