"""Money in words."""

import pytest

from licet.kit.money import format_money


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        (14900, "usd", "149.00 USD"),
        (149000, "usd", "1,490.00 USD"),
        (5, "eur", "0.05 EUR"),
        (0, "usd", "0.00 USD"),
        (-2900, "usd", "-29.00 USD"),
        (-5, "usd", "-0.05 USD"),
        (14900, "jpy", "14,900 JPY"),
        (-1, "krw", "-1 KRW"),
        (1234567, "kwd", "1,234.567 KWD"),
        (500, "isk", "5.00 ISK"),
        (500, "ugx", "5.00 UGX"),
    ],
)
def test_each_currency_has_its_own_minor_unit(amount: int, currency: str, words: str) -> None:
    assert format_money(amount, currency) == words
