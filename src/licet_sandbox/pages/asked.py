"""What the checkout page asks besides the payment, and the lines whose quantity the buyer may change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.checkout.answers import asked_name, asks_phone, asks_promotions, asks_terms
from licet_sandbox.billing.checkout.quantities import adjustable_lines

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj

    View = dict[str, Any]

_LONGEST_TEXT = 255


def asked_view(session: Obj) -> View:
    """The questions of `_asked.html`."""
    names = {name: asked_name(session, name) for name in ("business", "individual")}
    return {
        "asked_names": [
            {"name": f"{name}_name", "label": f"{name.capitalize()} name", "optional": asked["optional"]}
            for name, asked in names.items()
            if asked is not None
        ],
        "asks_phone": asks_phone(session),
        "custom_fields": [_field(one) for one in session["custom_fields"]],
        "asks_terms": asks_terms(session),
        "asks_promotions": asks_promotions(session),
        "texts": {name: (text or {}).get("message") for name, text in session["custom_text"].items()},
    }


def _field(one: Obj) -> View:
    kind = one["type"]
    bounds = one[kind]
    return {
        "name": f"field-{one['key']}",
        "label": one["label"]["custom"],
        "optional": one["optional"],
        "options": bounds["options"] if kind == "dropdown" else [],
        "digits": kind == "numeric",
        "most": bounds.get("maximum_length") or _LONGEST_TEXT,
        "value": bounds.get("default_value") or "",
    }


def adjustable_view(session: Obj) -> list[View]:
    """Their quantities, and from where to where these may go."""
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
