"""Reads a buyer's answers to the extra fields of the checkout page from a control's body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.checkout.answers import Answers
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.controls.body import Body


def read_answers(body: Body) -> Answers:
    """`phone`, `businessName`, `individualName`, `fields`, `terms` (default true), `promotions` (false)."""
    fields = body.all().pop("fields", {})
    if not isinstance(fields, dict) or not all(isinstance(text, str) for text in fields.values()):
        raise invalid('fields must be an object of strings: {"fields": {"company": "Acme"}}.', param="fields")
    return Answers(
        phone=body.text("phone", None),
        business_name=body.text("businessName", None),
        individual_name=body.text("individualName", None),
        fields=fields,
        terms=body.flag("terms", default=True),
        promotions=body.flag("promotions", default=False),
    )
