"""Template values for the extra fields of the checkout page and for adjustable quantities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.checkout.answers import asked_name, asks_phone, asks_promotions, asks_terms
from licet_sandbox.billing.checkout.quantities import adjustable_lines

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj

    View = dict[str, Any]

_MAX_TEXT_LENGTH = 255


def questions_view(session: Obj) -> View:
    """The fields of `_questions.html`."""
    names = {name: asked_name(session, name) for name in ("business", "individual")}
    return {
        "name_fields": [
            {"name": f"{name}_name", "label": f"{name.capitalize()} name", "optional": setting["optional"]}
            for name, setting in names.items()
            if setting is not None
        ],
        "asks_phone": asks_phone(session),
        "custom_fields": [_field(field) for field in session["custom_fields"]],
        "asks_terms": asks_terms(session),
        "asks_promotions": asks_promotions(session),
        "texts": {name: (text or {}).get("message") for name, text in session["custom_text"].items()},
    }


def _field(field: Obj) -> View:
    kind = field["type"]
    bounds = field[kind]
    return {
        "name": f"field-{field['key']}",
        "label": field["label"]["custom"],
        "optional": field["optional"],
        "options": bounds["options"] if kind == "dropdown" else [],
        "digits": kind == "numeric",
        "most": bounds.get("maximum_length") or _MAX_TEXT_LENGTH,
        "value": bounds.get("default_value") or "",
    }


def adjustable_view(session: Obj) -> list[View]:
    """The lines whose quantity the buyer may change, with the least and the most."""
    return [
        {
            "id": line["id"],
            "name": line["description"],
            "quantity": line["quantity"],
            "least": max(1, line["adjustable_quantity"]["minimum"]),
            "most": line["adjustable_quantity"]["maximum"],
        }
        for line in adjustable_lines(session)
    ]
