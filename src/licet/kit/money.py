"""Formats money, an integer in the currency's minor unit beside its currency, and knows its limits.

Source: Stripe's documentation, "Supported currencies".
"""

ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
"""Currencies without a minor unit at Stripe. ISK and UGX are not among them: Stripe keeps hundredths of those."""

THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))

_WHOLE_UNITS = frozenset(("isk", "ugx"))
"""Currencies of which Stripe keeps hundredths, but charges only whole units."""

_MINIMUM_CHARGES = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
    "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
    "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip
"""In minor units. Stripe applies the minimum of the settlement currency; for others there is no fixed amount."""


def minimum_charge(currency: str) -> int:
    """The smallest amount above 0 that Stripe charges."""
    return _MINIMUM_CHARGES.get(currency, amount_step(currency))


def maximum_amount(currency: str) -> int:
    """The largest amount of a price or a payment: twelve digits for IDR, eight for every other currency."""
    return 999_999_999_999 if currency == "idr" else 99_999_999


def amount_step(currency: str) -> int:
    """The number that divides every amount that Stripe charges."""
    return 100 if currency in _WHOLE_UNITS else 10 if currency in THREE_DECIMAL else 1


def format_money(amount: int, currency: str) -> str:
    """`149.00 USD`, `14,900 JPY`, `5.120 KWD`."""
    digits = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    whole, part = divmod(abs(amount), 10**digits)
    decimals = f".{part:0{digits}d}" if digits else ""
    return f"{'-' if amount < 0 else ''}{whole:,}{decimals} {currency.upper()}"
