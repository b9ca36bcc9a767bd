"""What Stripe requires of an amount in each currency. Source: Stripe, "Supported currencies"."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from licet_sandbox.errors import StripeError, invalid

_ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
_THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
# Stripe keeps hundredths of these, but charges only whole units.
_WHOLE_UNITS = frozenset(("isk", "ugx"))

# In minor units.
_MINIMUM_CHARGES = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
    "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
    "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip
_MOST, _MOST_IDR = 99_999_999, 999_999_999_999
_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


def minimum_charge(currency: str) -> int:
    """The minimum charge amount, in minor units.

    Stripe applies it to the settlement currency. A currency without a minimum of its own has the smallest amount.
    """
    return _MINIMUM_CHARGES.get(currency, step_of(currency))


def maximum_amount(currency: str) -> int:
    """The highest amount, in minor units: twelve digits for IDR, eight for every other currency."""
    return _MOST_IDR if currency == "idr" else _MOST


def step_of(currency: str) -> int:
    """The number, in minor units, that divides every amount that can be charged."""
    return 100 if currency in _WHOLE_UNITS else 10 if currency in _THREE_DECIMAL else 1


def round_to_step(amount: Decimal | int, currency: str) -> int:
    """The nearest amount that can be charged, half a step rounded away from zero."""
    step = step_of(currency)
    return int((Decimal(amount) / step).quantize(Decimal(1), ROUND_HALF_UP)) * step


def check_step(amount: int, currency: str, param: str | None) -> None:
    """Raises Stripe's 400 for an amount that the currency cannot have."""
    step = step_of(currency)
    if amount % step == 0:
        return
    if step == 100:
        message = (
            f"Invalid amount. Currency {currency.upper()} has become effectively zero-decimal and charged amounts must "
            "be evenly divisible by 100. See https://stripe.com/docs/currencies#zero-decimal for more information."
        )
    else:
        message = (
            f"Invalid amount. Currency {currency.upper()} is three-decimal, and the least-significant digit must be 0. "
            "See https://stripe.com/docs/currencies#three-decimal for more information."
        )
    raise invalid(message, param=param, code="parameter_invalid_integer")


def check_maximum(amount: int, currency: str, param: str | None) -> None:
    """Raises Stripe's 400 for an amount with too many digits."""
    most = maximum_amount(currency)
    if abs(amount) > most:
        message = f"Amount must be no more than {format_amount(most, currency)} {currency}."
        raise invalid(message, param=param, code="amount_too_large")


def too_small(currency: str, what: str, param: str | None) -> StripeError:
    """Stripe's 400 for an amount below the minimum charge. what: the start of its message."""
    message = f"{what} at least {format_amount(minimum_charge(currency), currency)} {currency}"
    return invalid(message, param=param, code="amount_too_small")


def format_amount(amount: int, currency: str) -> str:
    """The amount as text: `$149.00`, `-$5.00`, `¥500`, `149.00 CHF`, `5.120 KWD`."""
    digits = 0 if currency in _ZERO_DECIMAL else 3 if currency in _THREE_DECIMAL else 2
    sign, text = "-" if amount < 0 else "", f"{Decimal(abs(amount)).scaleb(-digits):,.{digits}f}"
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{symbol}{text}" if symbol else f"{sign}{text} {currency.upper()}"
