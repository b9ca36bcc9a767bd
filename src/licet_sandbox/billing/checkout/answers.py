"""What a buyer enters on the checkout page besides the payment."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from licet_sandbox.errors import StripeError, invalid

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj

_MAX_TEXT = 255
_MAX_NAME = 150


@dataclass(frozen=True)
class Answers:
    """The buyer's answers.

    fields: by key of the custom field; terms, promotions: whether the box was ticked
    """

    phone: str | None = None
    business_name: str | None = None
    individual_name: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    terms: bool = False
    promotions: bool = False


def store_answers(session: Obj, answers: Answers) -> None:
    """Keeps the answers until the purchase is complete; 400 for a missing or an unexpected one."""
    _check_asked(session, answers)
    if asks_phone(session) and not (answers.phone or "").strip():
        raise _missing("phone", "A phone number is needed.")
    for name in ("business", "individual"):
        name_field = asked_name(session, name)
        if name_field is not None and not name_field["optional"] and not getattr(answers, f"{name}_name"):
            raise _missing(f"{name}_name", f"The {name} name is needed.")
    if asks_terms(session) and not answers.terms:
        raise _missing("terms", "The terms of service must be accepted.")
    for custom in session["custom_fields"]:
        _check_field(custom, _answer(custom, answers.fields))
    session["_"]["answers"] = asdict(answers)


def _check_asked(session: Obj, answers: Answers) -> None:
    """Raises a 400 for an answer without a question, and for one that is too long."""
    unknown = answers.fields.keys() - {custom["key"] for custom in session["custom_fields"]}
    if unknown:
        raise invalid(f"This checkout has no custom field `{min(unknown)}`.", param=f"fields[{min(unknown)}]")
    is_asked = {
        "phone": asks_phone(session),
        "business_name": asked_name(session, "business") is not None,
        "individual_name": asked_name(session, "individual") is not None,
    }
    for name, expected in is_asked.items():
        value = getattr(answers, name)
        if value and not expected:
            raise invalid(f"This checkout does not ask for {name}.", param=name)
        if value and len(value) > _MAX_NAME:
            raise invalid(f"At most {_MAX_NAME} characters.", param=name)


def _answer(custom: Obj, fields: dict[str, str]) -> str:
    """The buyer's answer to a custom field; its default if the buyer left it unchanged."""
    return str(fields.get(custom["key"], custom[custom["type"]]["default_value"] or ""))


def _check_field(custom: Obj, answer: str) -> None:
    param, label = f"fields[{custom['key']}]", custom["label"]["custom"]
    if not answer:
        if not custom["optional"]:
            raise _missing(param, f"{label} is needed.")
        return
    if custom["type"] == "dropdown":
        if answer not in [option["value"] for option in custom["dropdown"]["options"]]:
            raise invalid(f"{label}: {answer[:60]!r} is none of the options.", param=param)
        return
    least, most = (custom[custom["type"]][f"{bound}_length"] for bound in ("minimum", "maximum"))
    if custom["type"] == "numeric" and not (answer.isascii() and answer.isdecimal()):
        raise invalid(f"{label} can only have digits.", param=param)
    if not (least or 1) <= len(answer) <= (most or _MAX_TEXT):
        raise invalid(f"{label} must have from {least or 1} to {most or _MAX_TEXT} characters.", param=param)


def write_answers(session: Obj) -> None:
    """Writes the answers into a completed session; the caller saves."""
    stored = session["_"].get("answers") or asdict(Answers())
    for custom in session["custom_fields"]:
        custom[custom["type"]]["value"] = _answer(custom, stored["fields"]) or None
    names = {name: stored[name] or None for name in ("business_name", "individual_name")}
    session["collected_information"] = session["collected_information"] | names
    collection = session["consent_collection"]
    if collection is not None:
        opted = "opt_in" if stored["promotions"] else "opt_out"
        session["consent"] = {
            "promotions": opted if collection["promotions"] == "auto" else None,
            "terms_of_service": "accepted" if asks_terms(session) else None,
        }


def asks_phone(session: Obj) -> bool:
    """True if the checkout asks for a phone number."""
    return bool(session["phone_number_collection"]["enabled"])


def asks_terms(session: Obj) -> bool:
    """True if the buyer must accept the terms of service."""
    return (session["consent_collection"] or {}).get("terms_of_service") == "required"


def asks_promotions(session: Obj) -> bool:
    """True if the checkout asks whether to send promotional emails."""
    return (session["consent_collection"] or {}).get("promotions") == "auto"


def asked_name(session: Obj, name: str) -> Obj | None:
    """The session's settings for the business's or individual's name; None if it is not asked for."""
    name_field: Obj | None = session.get("name_collection", {}).get(name)
    return name_field if name_field is not None and name_field["enabled"] else None


def _missing(param: str, message: str) -> StripeError:
    return invalid(message, param=param, code="parameter_missing")
