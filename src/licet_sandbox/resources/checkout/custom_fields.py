"""Parameters for the extra fields and texts of the checkout page.

`billing/checkout/answers.py` checks what the buyer enters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj

_MAX_FIELDS, _MAX_OPTIONS, _MAX_ANSWER_LENGTH = 3, 200, 255
# Without `shipping_address`: this sandbox's page does not ask for an address.
_TEXTS = ("after_submit", "submit", "terms_of_service_acceptance")


def read_extra_fields(p: Params) -> Obj:
    """The session's fields for custom fields, custom texts, names, phone number and consent."""
    texts, phone = p.sub("custom_text"), p.sub("phone_number_collection")
    names = {name: _name_setting(p.sub("name_collection").sub(name)) for name in ("business", "individual")}
    name_collection = {name: setting for name, setting in names.items() if setting is not None}
    return {
        "consent_collection": _consent(p),
        "custom_fields": _custom_fields(p),
        "custom_text": {"shipping_address": None, **{name: texts.get(name) or None for name in _TEXTS}},
        "phone_number_collection": {"enabled": phone.get("enabled", False)},
        **({"name_collection": name_collection} if name_collection else {}),
    }


def _name_setting(p: Params) -> Obj | None:
    return {"enabled": p.get("enabled"), "optional": p.get("optional", False)} if p else None


def _consent(p: Params) -> Obj | None:
    given = p.sub("consent_collection")
    if not given:
        return None
    return {
        "payment_method_reuse_agreement": given.get("payment_method_reuse_agreement"),
        "promotions": given.get("promotions"),
        "terms_of_service": given.get("terms_of_service"),
    }


def _custom_fields(p: Params) -> list[Obj]:
    given = p.subs("custom_fields")
    if len(given) > _MAX_FIELDS:
        raise invalid(f"You can pass at most {_MAX_FIELDS} custom fields.", param="custom_fields")
    made: list[Obj] = []
    for one in given:
        field = _custom_field(one)
        if any(field["key"] == other["key"] for other in made):
            raise invalid(f"The custom field key `{field['key']}` is used twice.", param=one.name("key"))
        made.append(field)
    return made


def _custom_field(p: Params) -> Obj:
    kind, key = p.need("type"), p.need("key")
    if not (key.isascii() and key.isalnum()):
        raise invalid("The key of a custom field can only have letters and digits.", param=p.name("key"))
    for other in {"dropdown", "numeric", "text"} - {kind}:
        if other in p:
            raise invalid(f"`{other}` does not go together with a field of type `{kind}`.", param=p.name(other))
    given = p.sub(kind)
    details = _dropdown(p, given) if kind == "dropdown" else _lengths(given)
    label = p.get("label")
    return {"key": key, "label": label, "optional": p.get("optional", False), "type": kind, kind: details}


def _dropdown(p: Params, given: Params) -> Obj:
    options = given.get("options") or []
    values = [option["value"] for option in options]
    if not 1 <= len(options) <= _MAX_OPTIONS or len(set(values)) < len(values):
        message = f"A dropdown needs from 1 to {_MAX_OPTIONS} options of different values."
        raise invalid(message, param=f"{p.name('dropdown')}[options]")
    default = given.text("default_value")
    if default is not None and default not in values:
        raise invalid("The default value must be one of the options.", param=given.name("default_value"))
    return {"default_value": default, "options": options, "value": None}


def _lengths(given: Params) -> Obj:
    least, most = given.get("minimum_length"), given.get("maximum_length")
    for name, value in (("minimum_length", least), ("maximum_length", most)):
        if value is not None and not 1 <= value <= _MAX_ANSWER_LENGTH:
            raise invalid(f"Invalid {name}: from 1 to {_MAX_ANSWER_LENGTH}.", param=given.name(name))
    if least is not None and most is not None and least > most:
        raise invalid("`minimum_length` is above `maximum_length`.", param=given.name("minimum_length"))
    default = given.text("default_value")
    return {"default_value": default, "maximum_length": most, "minimum_length": least, "value": None}
