"""What a buyer answers on the checkout's page besides the payment."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from licet_sandbox.errors import StripeError, invalid

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj

_LONGEST_TEXT = 255
_LONGEST_NAME = 150


@dataclass(frozen=True)
class Answers:
    """fields: by the keys of the session's custom fields; terms, promotions: were the boxes ticked?"""

    phone: str | None = None
    business_name: str | None = None
    individual_name: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    terms: bool = False
    promotions: bool = False


def take_answers(session: Obj, answers: Answers) -> None:
    """Keep them until the purchase is complete; 400 for what is missing, or answers no question."""
    _check_asked(session, answers)
    if asks_phone(session) and not (answers.phone or "").strip():
        raise _missing("phone", "A phone number is needed.")
    for name in ("business", "individual"):
        asked = asked_name(session, name)
        if asked is not None and not asked["optional"] and not getattr(answers, f"{name}_name"):
            raise _missing(f"{name}_name", f"The {name} name is needed.")
    if asks_terms(session) and not answers.terms:
        raise _missing("terms", "The terms of service must be accepted.")
    for one in session["custom_fields"]:
        _check_field(one, _answer(one, answers.fields))
    session["_"]["answers"] = asdict(answers)


def _check_asked(session: Obj, answers: Answers) -> None:
    """Nothing is answered that was not asked, or too long."""
    unknown = answers.fields.keys() - {one["key"] for one in session["custom_fields"]}
    if unknown:
        raise invalid(f"This checkout has no custom field `{min(unknown)}`.", param=f"fields[{min(unknown)}]")
    asked = {
        "phone": asks_phone(session),
        "business_name": asked_name(session, "business") is not None,
        "individual_name": asked_name(session, "individual") is not None,
    }
    for name, wanted in asked.items():
        value = getattr(answers, name)
        if value and not wanted:
            raise invalid(f"This checkout does not ask for {name}.", param=name)
        if value and len(value) > _LONGEST_NAME:
            raise invalid(f"At most {_LONGEST_NAME} characters.", param=name)


def _answer(one: Obj, fields: dict[str, str]) -> str:
    """What was typed; where the field was left as it stood, its default."""
    return str(fields.get(one["key"], one[one["type"]]["default_value"] or ""))


def _check_field(one: Obj, answer: str) -> None:
    param, label = f"fields[{one['key']}]", one["label"]["custom"]
    if not answer:
        if not one["optional"]:
            raise _missing(param, f"{label} is needed.")
        return
    if one["type"] == "dropdown":
        if answer not in [option["value"] for option in one["dropdown"]["options"]]:
            raise invalid(f"{label}: {answer[:60]!r} is none of the options.", param=param)
        return
    least, most = (one[one["type"]][f"{bound}_length"] for bound in ("minimum", "maximum"))
    if one["type"] == "numeric" and not (answer.isascii() and answer.isdecimal()):
        raise invalid(f"{label} can only have digits.", param=param)
    if not (least or 1) <= len(answer) <= (most or _LONGEST_TEXT):
        raise invalid(f"{label} must have from {least or 1} to {most or _LONGEST_TEXT} characters.", param=param)


def show_answers(session: Obj) -> None:
    """Write them into a session that is complete; the caller saves."""
    given = session["_"].get("answers") or asdict(Answers())
    for one in session["custom_fields"]:
        one[one["type"]]["value"] = _answer(one, given["fields"]) or None
    names = {name: given[name] or None for name in ("business_name", "individual_name")}
    session["collected_information"] = session["collected_information"] | names
    wanted = session["consent_collection"]
    if wanted is not None:
        opted = "opt_in" if given["promotions"] else "opt_out"
        session["consent"] = {
            "promotions": opted if wanted["promotions"] == "auto" else None,
            "terms_of_service": "accepted" if asks_terms(session) else None,
        }


def asks_phone(session: Obj) -> bool:
    """Is a phone number wanted?"""
    return bool(session["phone_number_collection"]["enabled"])


def asks_terms(session: Obj) -> bool:
    """Must the terms of service be accepted?"""
    return (session["consent_collection"] or {}).get("terms_of_service") == "required"


def asks_promotions(session: Obj) -> bool:
    """May the buyer agree to promotional mails?"""
    return (session["consent_collection"] or {}).get("promotions") == "auto"


def asked_name(session: Obj, name: str) -> Obj | None:
    """How the name of the business or of the individual is asked for; None where it is not."""
    asked: Obj | None = session.get("name_collection", {}).get(name)
    return asked if asked is not None and asked["enabled"] else None


def _missing(param: str, message: str) -> StripeError:
    return invalid(message, param=param, code="parameter_missing")
