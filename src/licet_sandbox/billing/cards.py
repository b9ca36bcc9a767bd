"""The test cards: what each one does. Source: Stripe's documentation, page "Testing"."""

from __future__ import annotations

from dataclasses import dataclass

from licet_sandbox.errors import StripeError, card_error


@dataclass(frozen=True)
class Card:
    """A test card. Only its name and last four digits are ever stored, never its number.

    authentication: None, `unless_set_up` (3-D Secure until it was set up for later use) or `always`
    declines: the decline code of every charge, or None
    attaches: False where saving it is declined as well
    disputes: what comes after a payment: reasons of chargebacks, or `inquiry`; several share the amount
    refunds: None, `pending` (they arrive later) or `fails` (they come back)
    """

    name: str
    brand: str
    last4: str
    token: str
    authentication: str | None = None
    declines: str | None = None
    attaches: bool = True
    disputes: tuple[str, ...] = ()
    refunds: str | None = None


@dataclass(frozen=True)
class TypedCard:
    """A test card as somebody typed it, with its expiry."""

    card: Card
    exp_month: int
    exp_year: int


_CARDS = {
    "4242424242424242": Card("visa", "visa", "4242", "pm_card_visa"),
    "5555555555554444": Card("mastercard", "mastercard", "4444", "pm_card_mastercard"),
    "4000000000000002": Card(
        "declined", "visa", "0002", "pm_card_visa_chargeDeclined", declines="generic_decline", attaches=False
    ),
    "4000000000009995": Card(
        "insufficient_funds",
        "visa",
        "9995",
        "pm_card_visa_chargeDeclinedInsufficientFunds",
        declines="insufficient_funds",
        attaches=False,
    ),
    "4000002500003155": Card(
        "authentication_on_setup",
        "visa",
        "3155",
        "pm_card_authenticationRequiredOnSetup",
        authentication="unless_set_up",
    ),
    "4000002760003184": Card(
        "authentication_always", "visa", "3184", "pm_card_authenticationRequired", authentication="always"
    ),
    "4000000000000341": Card(
        "charge_fails", "visa", "0341", "pm_card_chargeCustomerFail", declines="generic_decline"
    ),
    "4000000000000259": Card("disputed", "visa", "0259", "pm_card_createDispute", disputes=("fraudulent",)),
    "4000000000002685": Card(
        "not_received",
        "visa",
        "2685",
        "pm_card_createDisputeProductNotReceived",
        disputes=("product_not_received",),
    ),
    "4000000000001976": Card("inquiry", "visa", "1976", "pm_card_createDisputeInquiry", disputes=("inquiry",)),
    "4000000404000079": Card(
        "disputed_twice",
        "visa",
        "0079",
        "pm_card_createMultipleDisputes",
        disputes=("fraudulent", "product_not_received"),
    ),
    "4000008400000779": Card(
        "noncompliant", "visa", "0779", "pm_card_createComplianceDispute", disputes=("noncompliant",)
    ),
    "4000000000007726": Card("refund_pending", "visa", "7726", "pm_card_pendingRefund", refunds="pending"),
    "4000000000005126": Card("refund_fails", "visa", "5126", "pm_card_refundFail", refunds="fails"),
}  # fmt: skip
_BY_TOKEN = {card.token: card for card in _CARDS.values()}
_BY_NAME = {card.name: card for card in _CARDS.values()}

_MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}


def card_by_number(number: str) -> Card:
    """The test card with this number, however it is spaced; Stripe's 402 for any other."""
    digits = number.replace(" ", "").replace("-", "")
    found = _CARDS.get(digits)
    if found is not None:
        return found
    if not digits.isascii() or not digits.isdecimal() or not 12 <= len(digits) <= 19 or not _luhn(digits):
        raise card_error("Your card number is incorrect.", "incorrect_number", param="number")
    message = "Your card was declined. Your request was in test mode, but used a non test card."
    raise card_error(message, "card_declined", "test_mode_live_card")


def card_by_token(token: str) -> Card | None:
    """The card behind a token such as `pm_card_visa`."""
    return _BY_TOKEN.get(token)


def card_by_name(name: str) -> Card:
    """The card that a stored payment method remembers."""
    return _BY_NAME[name]


def decline(code: str) -> StripeError:
    """The 402 of a charge that is declined with this decline code."""
    if code == "authentication_required":
        return card_error(_MESSAGES[code], "authentication_required", code)
    return card_error(_MESSAGES[code], "card_declined", code, advice_code="try_again_later")


def refusal_to_save(card: Card) -> StripeError | None:
    """The 402 of a card that cannot even be saved, or None."""
    return None if card.attaches or card.declines is None else decline(card.declines)


def check_expiry(month: int, year: int, now_month: int, now_year: int) -> None:
    """Stripe's 402 for a card that is past."""
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
