"""The answers of a buyer to what a checkout's page asks, as a control takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.checkout.answers import Answers
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.controls.body import Body


def read_answers(body: Body) -> Answers:
    """`phone`, `businessName`, `individualName`, `fields` by their keys, `terms` (yes unless told) and `promotions`."""
    fields = body.all().pop("fields", {})
    if not isinstance(fields, dict) or not all(isinstance(text, str) for text in fields.values()):
        raise invalid('fields is an object of texts: {"fields": {"company": "Acme"}}.', param="fields")
    return Answers(
        phone=body.text("phone", None),
        business_name=body.text("businessName", None),
        individual_name=body.text("individualName", None),
        fields=fields,
        terms=body.flag("terms", default=True),
        promotions=body.flag("promotions", default=False),
    )
