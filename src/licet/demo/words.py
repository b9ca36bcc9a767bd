"""How the story writes things down. A license key is never written whole."""

from datetime import datetime
from typing import Any

from licet.kit.money import format_money

_DOTS = "····"


def short_key(key: str) -> str:
    """`SHOP-····-····-····-9F3K`: enough to tell two apart, too little to use one."""
    prefix, *groups = key.split("-")
    return "-".join([prefix, *[_DOTS] * (len(groups) - 1), groups[-1]])


def day(at: str | datetime) -> str:
    """`21 Nov 2026`."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{moment.day} {moment:%b %Y}"


def card(number: str) -> str:
    """`4242 4242 4242 4242`, as it stands on the card. All of these are Stripe's numbers for testing."""
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def price(product: dict[str, Any]) -> str:
    """`149.00 USD a month`, of a product's default price."""
    default = product["prices"][0]
    every = f" a {default['interval']}" if default["interval"] else " once"
    return format_money(default["amount"], default["currency"]) + every
