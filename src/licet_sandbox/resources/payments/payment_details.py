"""What a payment intent says of its payment: how much, whose receipt, where to, and what stands on the statement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from licet_sandbox.billing.invoices.customer_balance import minimum_charge
from licet_sandbox.billing.invoices.lines import format_amount
from licet_sandbox.billing.payments.payment_intents import card_payment_options
from licet_sandbox.errors import invalid
from licet_sandbox.kit.fields import email_of, shipping_of

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj

_LARGEST = 99999999
_SUFFIX = re.compile(r"""(?=.*[A-Za-z])[^<>\\'"*]{1,22}""")


def check_amount(amount: int, currency: str) -> int:
    """An amount in minor units that can be charged in this currency; 400 for less or more."""
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise invalid(message, param="amount", code="parameter_invalid_integer")
    smallest = minimum_charge(currency)
    if amount < smallest:
        message = f"Amount must be at least {format_amount(smallest, currency)} {currency}."
        raise invalid(message, param="amount", code="amount_too_small")
    if amount > _LARGEST:
        message = f"Amount must be no more than {format_amount(_LARGEST, currency)} {currency}."
        raise invalid(message, param="amount", code="amount_too_large")
    return amount


def read_details(p: Params) -> Obj:
    """The fields of a payment intent that are given here, as they are to stand in it; 400 for what cannot."""
    p.refuse("capture_method", "automatic", "automatic_async")
    if p.text("statement_descriptor") is not None:
        message = "Cards do not take `statement_descriptor`; use `statement_descriptor_suffix` instead."
        raise invalid(message, param="statement_descriptor")
    given = ("capture_method", "description", "setup_future_usage", "statement_descriptor_suffix")
    fields: Obj = {name: p.text(name) for name in given if name in p}
    if "receipt_email" in p:
        fields["receipt_email"] = email_of(p, "receipt_email")
    _check_suffix(fields)
    if "shipping" in p:
        shipping = p.sub("shipping")
        fields["shipping"] = shipping_of(shipping) if shipping else None
    card = p.sub("payment_method_options").sub("card")
    if "request_three_d_secure" in card:
        fields["payment_method_options"] = card_payment_options(card.get("request_three_d_secure"))
    return fields


def _check_suffix(fields: Obj) -> None:
    suffix = fields.get("statement_descriptor_suffix")
    if suffix is not None and not _SUFFIX.fullmatch(suffix):
        message = "The statement descriptor suffix must hold a letter, 22 characters at most, and none of < > \\ ' \" *"
        raise invalid(message, param="statement_descriptor_suffix")
