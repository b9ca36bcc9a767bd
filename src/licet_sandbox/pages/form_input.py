"""Reads and checks form input, as Stripe's own forms do: card, email, extra fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from licet_sandbox.billing.checkout.answers import Answers
from licet_sandbox.billing.payments.cards import TypedCard, card_by_number, check_expiry
from licet_sandbox.errors import StripeError, card_error, invalid
from licet_sandbox.kit.fields import is_email

if TYPE_CHECKING:
    from datetime import datetime

_EXPIRY = re.compile(r"\s*(\d{1,2})\s*[/\- ]?\s*(\d{4}|\d{2})\s*")
_MAX_FIELDS = 50
_FIELD_OF = {
    "incorrect_number": "card",
    "invalid_expiry_month": "expiry",
    "invalid_expiry_year": "expiry",
    "invalid_cvc": "cvc",
    "incorrect_cvc": "cvc",
    "expired_card": "expiry",
    "email_invalid": "email",
}


def parse(raw: bytes) -> dict[str, str]:
    """The fields of a form."""
    try:
        return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError:
        raise invalid(f"A form has at most {_MAX_FIELDS} fields.") from None


def read_card(form: dict[str, str], now: datetime) -> TypedCard:
    """The card. Raises Stripe's 402 for an invalid number, expiry or CVC."""
    card = card_by_number(form.get("card", ""))
    match = _EXPIRY.fullmatch(form.get("expiry", ""))
    if match is None:
        raise card_error("Your card's expiration date is incomplete.", "invalid_expiry_month", param="exp_month")
    month, year = int(match[1]), int(match[2])
    year += 2000 if year < 100 else 0
    check_expiry(month, year, now.month, now.year)
    if not re.fullmatch(r"[0-9]{3,4}", form.get("cvc", "").strip()):
        raise card_error("Your card's security code is incomplete.", "invalid_cvc", param="cvc")
    return TypedCard(card, month, year)


def read_form_answers(form: dict[str, str]) -> Answers:
    """The extra fields of the checkout page; the form names a custom field `k` as `field-k`."""
    fields = {name.removeprefix("field-"): text.strip() for name, text in form.items() if name.startswith("field-")}
    return Answers(
        phone=form.get("phone", "").strip() or None,
        business_name=form.get("business_name", "").strip() or None,
        individual_name=form.get("individual_name", "").strip() or None,
        fields=fields,
        terms=form.get("terms") == "yes",
        promotions=form.get("promotions") == "yes",
    )


def read_email(form: dict[str, str]) -> str:
    """The email address; 402 if it is not valid."""
    email = form.get("email", "").strip()
    if not is_email(email):
        raise card_error("Your email is invalid.", "email_invalid", param="email")
    return email


def field_of(error: StripeError) -> str | None:
    """The form field that caused the error; `card` for any decline."""
    if error.status == 400:
        return re.sub(r"^fields\[(.*)\]$", r"field-\1", error.error.get("param", "")) or None
    return _FIELD_OF.get(error.error.get("code", ""), "card" if error.status == 402 else None)
