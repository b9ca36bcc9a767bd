"""The layouts of older API versions: a table of what each version changed in the shape of objects.

An endpoint of an older version receives objects with every later change undone, newest first. The table lists what a
version removed and what replaced it; Stripe shows mere additions in all versions. To support another version, add an
entry. Source: Stripe's API changelog.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from licet_sandbox.events import old_shapes

if TYPE_CHECKING:
    from licet_sandbox.spec.document import Schema
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# Layouts before it differ in more than the table lists.
OLDEST = "2024-04-10"

Undo = Callable[["Tx", "Obj"], "Obj"]


@dataclass(frozen=True)
class LayoutChange:
    """What one version changed in one kind of object.

    version: the first with the new shape; earlier ones have the old shape
    added: the fields that only the new shape has
    removed: the fields that only the old shape has, with their schemas
    optional: those of the removed fields that may be missing
    undo: returns the values of the removed fields
    """

    version: str
    kind: str
    added: tuple[str, ...] = ()
    removed: dict[str, Schema] = field(default_factory=dict)
    optional: tuple[str, ...] = ()
    undo: Undo = lambda _, __: {}


_TEXT: Schema = {"type": "string", "nullable": True}
_WHOLE: Schema = {"type": "integer", "nullable": True}
_FLAG: Schema = {"type": "boolean"}
_TIME: Schema = {"type": "integer", "format": "unix-time"}
_NOTHING: Schema = {"enum": [None]}


def _one(kind: str) -> Schema:
    """The schema of the whole object, or null."""
    return {"anyOf": [{"$ref": f"#/components/schemas/{kind}"}], "nullable": True}


def _fields(*names: str) -> Schema:
    return {"type": "object", "required": list(names)}


_TAX_AMOUNTS: Schema = {
    "type": "array",
    "items": _fields("amount", "inclusive", "tax_rate", "taxability_reason", "taxable_amount"),
}
_PRICED: dict[str, Schema] = {"plan": _one("plan"), "price": _one("price")}

CHANGES = (
    LayoutChange(
        "2026-03-25.dahlia",
        "checkout.session",
        removed={"ui_mode": {"enum": ["custom", "embedded", "hosted", None]}},
        undo=old_shapes.old_session,
    ),
    LayoutChange(
        "2025-09-30.clover", "discount", ("source",), {"coupon": _one("coupon")}, undo=old_shapes.old_discount
    ),
    LayoutChange(
        "2025-09-30.clover",
        "promotion_code",
        ("promotion",),
        {"coupon": _one("coupon")},
        undo=old_shapes.old_promotion_code,
    ),
    LayoutChange(
        "2025-03-31.basil",
        "subscription",
        removed={"current_period_start": _TIME, "current_period_end": _TIME, "discount": _one("discount")},
        undo=old_shapes.old_subscription,
    ),
    LayoutChange("2025-03-31.basil", "subscription_item", ("current_period_start", "current_period_end")),
    LayoutChange(
        "2025-03-31.basil",
        "subscription_schedule",
        removed={
            "phases": {"type": "array", "items": _fields("coupon", "discounts", "items", "start_date", "end_date")}
        },
        undo=old_shapes.old_schedule,
    ),
    LayoutChange(
        "2025-03-31.basil",
        "invoice",
        ("parent", "total_taxes"),
        {
            "application_fee_amount": _WHOLE,
            "charge": _TEXT,
            "discount": _one("discount"),
            "paid": _FLAG,
            "paid_out_of_band": _FLAG,
            "payment_intent": _TEXT,
            "quote": _TEXT,
            "subscription": _TEXT,
            "subscription_details": _fields("metadata"),
            "subscription_proration_date": _TIME,
            "tax": _WHOLE,
            "total_tax_amounts": _TAX_AMOUNTS,
            "transfer_data": _NOTHING,
        },
        ("subscription_proration_date",),
        undo=old_shapes.old_invoice,
    ),
    LayoutChange(
        "2025-03-31.basil",
        "line_item",
        ("parent", "pricing", "taxes"),
        {
            **_PRICED,
            "amount_excluding_tax": _WHOLE,
            "invoice_item": _TEXT,
            "proration": _FLAG,
            "proration_details": _fields("credited_items"),
            "subscription": _TEXT,
            "subscription_item": _TEXT,
            "tax_amounts": _TAX_AMOUNTS,
            "tax_rates": {"type": "array", "items": {"$ref": "#/components/schemas/tax_rate"}},
            "type": {"enum": ["invoiceitem", "subscription"]},
            "unit_amount_excluding_tax": _TEXT,
        },
        ("invoice_item", "subscription_item"),
        undo=old_shapes.old_line,
    ),
    LayoutChange(
        "2025-03-31.basil",
        "invoiceitem",
        ("parent", "pricing"),
        {
            **_PRICED,
            "subscription": _TEXT,
            "subscription_item": _TEXT,
            "unit_amount": _WHOLE,
            "unit_amount_decimal": _TEXT,
        },
        ("subscription_item",),
        undo=old_shapes.old_invoice_item,
    ),
    LayoutChange("2025-03-31.basil", "charge", removed={"invoice": _TEXT}, undo=old_shapes.old_charge),
    LayoutChange("2025-03-31.basil", "payment_intent", removed={"invoice": _TEXT}, undo=old_shapes.old_intent),
    LayoutChange(
        "2025-03-31.basil",
        "checkout.session",
        removed={"shipping_details": {**_fields("address", "name"), "nullable": True}},
        undo=old_shapes.old_session_shipping,
    ),
    LayoutChange(
        "2025-03-31.basil",
        "plan",
        removed={"aggregate_usage": _NOTHING},
        undo=old_shapes.old_plan,
    ),
    LayoutChange(
        "2025-03-31.basil",
        "price",
        removed={
            "recurring": {
                **_fields("aggregate_usage", "interval", "interval_count", "meter", "usage_type"),
                "nullable": True,
            }
        },
        undo=old_shapes.old_price,
    ),
)

# Event types that are newer than the oldest layout: endpoints of earlier versions do not receive them.
SINCE: dict[str, str] = {
    "refund.failed": "2024-10-28.acacia",
    "invoice.overpaid": "2025-03-31.basil",
    "invoice_payment.paid": "2025-05-28.basil",
    "balance_settings.updated": "2025-10-29.clover",
    "invoice.payment_attempt_required": "2025-10-29.clover",
}


def changes_since(version: str) -> dict[str, list[LayoutChange]]:
    """The changes to undo for this version, newest first, by kind of object."""
    found: dict[str, list[LayoutChange]] = {}
    for change in CHANGES:
        if version < change.version:
            found.setdefault(change.kind, []).append(change)
    return found
