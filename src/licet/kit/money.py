"""Formats money, which is an integer in the currency's minor unit beside its currency."""

ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
"""Currencies without a minor unit at Stripe. ISK and UGX are not among them: Stripe keeps hundredths of those."""

THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))


def format_money(amount: int, currency: str) -> str:
    """`149.00 USD`, `14,900 JPY`. Source: Stripe's documentation, "Supported currencies"."""
    digits = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    whole, part = divmod(abs(amount), 10**digits)
    decimals = f".{part:0{digits}d}" if digits else ""
    return f"{'-' if amount < 0 else ''}{whole:,}{decimals} {currency.upper()}"
