"""Finds test cards by number, token or name, and makes the errors of declined ones."""

from __future__ import annotations

from dataclasses import dataclass

from licet_sandbox.billing.payments.card_table import CARDS, Card
from licet_sandbox.errors import StripeError, card_error


@dataclass(frozen=True)
class TypedCard:
    """A test card as the customer entered it, with its expiry."""

    card: Card
    exp_month: int
    exp_year: int


# Other tokens of the same cards.
_SAME = {
    "pm_card_amex_threeDSecureNotSupported": "pm_card_amex",
    "pm_card_chargeDeclined": "pm_card_visa_chargeDeclined",
    "pm_card_chargeDeclinedInsufficientFunds": "pm_card_visa_chargeDeclinedInsufficientFunds",
    "pm_card_chargeDeclinedFraudulent": "pm_card_radarBlock",
    "pm_card_debit_visaHsaProductCode": "pm_card_debit_visaFsaProductCode",
    "pm_card_threeDSecureRequired": "pm_card_threeDSecure2Required",
    "pm_card_us": "pm_card_visa",
}
_BY_TOKEN = {card.token: card for card in CARDS.values() if card.token is not None}
_BY_NAME = {card.name: card for card in CARDS.values()}

# reason -> (error code, message, parameter, advice). A reason other than the error code is a decline code.
_DECLINES: dict[str, tuple[str, str, str | None, str | None]] = {
    "authentication_not_handled": (
        "authentication_required",
        "This payment required an authentication action to complete, but `error_on_requires_action` was set.",
        None,
        None,
    ),
    "authentication_required": (
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
        None,
        None,
    ),
    "card_velocity_exceeded": (
        "card_declined",
        "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
        None,
        "try_again_later",
    ),
    "expired_card": ("expired_card", "Your card has expired.", "exp_month", "do_not_try_again"),
    "fraudulent": ("card_declined", "Your card was declined.", None, "do_not_try_again"),
    "generic_decline": ("card_declined", "Your card was declined.", None, "try_again_later"),
    "incorrect_cvc": ("incorrect_cvc", "Your card's security code is incorrect.", "cvc", "confirm_card_data"),
    "insufficient_funds": ("card_declined", "Your card has insufficient funds.", None, "try_again_later"),
    "lost_card": ("card_declined", "Your card was declined.", None, "do_not_try_again"),
    "processing_error": (
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
        None,
        "try_again_later",
    ),
    "stolen_card": ("card_declined", "Your card was declined.", None, "do_not_try_again"),
}


def card_by_number(number: str) -> Card:
    """The test card with this number; spaces and hyphens are ignored. Stripe's 402 for any other."""
    digits = number.replace(" ", "").replace("-", "")
    found = CARDS.get(digits)
    if found is not None:
        return found
    if not digits.isascii() or not digits.isdecimal() or not 12 <= len(digits) <= 19 or not _luhn(digits):
        raise card_error("Your card number is incorrect.", "incorrect_number", param="number")
    message = "Your card was declined. Your request was in test mode, but used a non test card."
    raise card_error(message, "card_declined", "test_mode_live_card")


def card_by_token(token: str) -> Card | None:
    """The test card of a token such as `pm_card_visa`, or None."""
    return _BY_TOKEN.get(_SAME.get(token, token))


def card_by_name(name: str) -> Card:
    """The test card that a stored payment method names."""
    return _BY_NAME[name]


def decline(reason: str) -> StripeError:
    """The 402 of a charge that is declined for this reason."""
    code, message, param, advice = _DECLINES[reason]
    decline_code = reason if code in {"card_declined", "authentication_required"} else None
    return card_error(message, code, decline_code, advice_code=advice, param=param)


def refusal_to_save(card: Card) -> StripeError | None:
    """The 402 of a card that cannot be attached to a customer, or None."""
    return None if card.attaches or card.declines is None else decline(card.declines)


def check_expiry(month: int, year: int, now_month: int, now_year: int) -> None:
    """Raises Stripe's 402 for a card that has expired."""
    if not 1 <= month <= 12:
        raise card_error("Your card's expiration month is invalid.", "invalid_expiry_month", param="exp_month")
    if year < now_year or year > now_year + 50:
        raise card_error("Your card's expiration year is invalid.", "invalid_expiry_year", param="exp_year")
    if (year, month) < (now_year, now_month):
        raise card_error("Your card's expiration month is invalid.", "invalid_expiry_month", param="exp_month")


def _luhn(digits: str) -> bool:
    total = 0
    for at, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + at % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0
