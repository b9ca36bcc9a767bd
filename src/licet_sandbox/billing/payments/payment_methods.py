"""Payment methods: stored test cards, attached to a customer or not."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.payments.cards import card_by_name, card_by_token, refusal_to_save
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.billing.payments.card_table import Card
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# Brands whose `display_brand` differs from their `brand`.
_DISPLAYED = {"amex": "american_express", "diners": "diners_club", "unionpay": "union_pay"}


def make_method(tx: Tx, card: Card, *, exp_month: int = 12, exp_year: int | None = None, **billing: Any) -> Obj:
    """Creates a payment method for this test card.

    `_` keeps which card it is, and whether 3D Secure has set it up.
    """
    year = exp_year or datetime.fromtimestamp(tx.now, UTC).year + 4
    return tx.create(
        "payment_method",
        type="card",
        allow_redisplay="unspecified",
        billing_details={"address": None, "email": None, "name": None, "phone": None, "tax_id": None, **billing},
        card={
            "brand": card.brand,
            "checks": _checks(card, billing.get("address")),
            "country": card.country,
            "display_brand": _DISPLAYED.get(card.brand, card.brand),
            "exp_month": exp_month,
            "exp_year": year,
            "fingerprint": hashlib.sha256(card.name.encode()).hexdigest()[:16],
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand, *([card.network] if card.network else [])], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": card.three_d_secure},
            "wallet": None,
        },
        metadata={},
        _={"card": card.name, "set_up": False},
    )


def set_billing_address(method: Obj, address: Obj | None) -> None:
    """Sets the billing address, which the bank checks; the caller saves."""
    method["billing_details"]["address"] = address
    method["card"]["checks"] = _checks(card_of(method), address)


def _checks(card: Card, address: Obj | None) -> Obj:
    """The bank's checks of the security code and of the given parts of the address; of the others None."""
    parts = address or {}
    given = {
        "address_line1_check": parts.get("line1") is not None,
        "address_postal_code_check": parts.get("postal_code") is not None,
        "cvc_check": True,
    }
    return {name: _check(card, name) if is_given else None for name, is_given in given.items()}


def _check(card: Card, name: str) -> str:
    return "fail" if name in card.failing_checks else "unavailable" if name in card.unavailable_checks else "pass"


def card_of(method: Obj) -> Card:
    """The test card of a payment method."""
    return card_by_name(method["_"]["card"])


def method_or_token(tx: Tx, value: str, param: str) -> Obj:
    """The payment method with this id, or a new one for a token such as `pm_card_visa`."""
    card = card_by_token(value)
    return make_method(tx, card) if card is not None else tx.named("payment_method", value, param)


def attach_to(tx: Tx, value: str, customer_id: str, param: str) -> Obj:
    """Attaches a payment method, or the one of a token, to a customer; 402 if the card declines that."""
    method = method_or_token(tx, value, param)
    if method["customer"] == customer_id:
        return method
    if method["customer"] is not None:
        message = "The payment method you provided has already been attached to a customer."
        raise invalid(message, param=param)
    check_usable(method, param)
    refusal = refusal_to_save(card_of(method))
    if refusal is not None:
        refusal.keep = False
        raise refusal
    method["customer"] = customer_id
    return tx.save(method, "payment_method.attached")


def check_usable(method: Obj, param: str) -> None:
    """Raises a 400 for a card that was detached, or that has paid without being attached."""
    if method["_"].get("detached") or method["_"].get("used"):
        message = (
            "This PaymentMethod was previously used and cannot be used again: it was detached from a customer, or paid "
            "without one. Create a new one, and attach it to a customer to use it several times."
        )
        raise invalid(message, param=param, code="payment_method_unexpected_state")


def owned_method(tx: Tx, method_id: str, customer_id: str, param: str) -> Obj:
    """The payment method with this id; 400 unless it is attached to this customer."""
    method = tx.named("payment_method", method_id, param)
    if method["customer"] != customer_id:
        message = f"The customer does not have a payment method with the ID {method_id}. It must be attached first."
        raise invalid(message, param=param, code="resource_missing")
    return method
