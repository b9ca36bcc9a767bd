"""Parameters of a payment intent's payment: amount, receipt email, shipping, statement descriptor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from licet_sandbox.billing.payments.payment_intents import card_payment_options
from licet_sandbox.errors import invalid
from licet_sandbox.kit.currencies import check_maximum, check_step, minimum_charge, too_small
from licet_sandbox.kit.fields import email_of, shipping_of

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj

_SUFFIX = re.compile(r"""(?=.*[A-Za-z])[^<>\\'"*]{1,22}""")


def check_amount(amount: int, currency: str) -> int:
    """The amount in minor units; 400 if it is below or above what the currency allows."""
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise invalid(message, param="amount", code="parameter_invalid_integer")
    if amount < minimum_charge(currency):
        raise too_small(currency, "Amount must be", "amount")
    check_maximum(amount, currency, "amount")
    check_step(amount, currency, "amount")
    return amount


def read_details(p: Params) -> Obj:
    """The given fields of a payment intent; 400 for an invalid one."""
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
        message = "The statement descriptor suffix must have a letter, at most 22 characters, and none of < > \\ ' \" *"
        raise invalid(message, param="statement_descriptor_suffix")
