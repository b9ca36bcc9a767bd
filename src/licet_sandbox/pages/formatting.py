"""Formats dates, addresses, cards and discounts for the pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from licet_sandbox.kit.currencies import format_amount

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj


def show_date(moment: int) -> str:
    """Epoch seconds as a date in UTC, such as `3 February 2027`."""
    at = datetime.fromtimestamp(moment, UTC)
    return f"{at.day} {at:%B %Y}"


def address_text(address: Obj | None) -> str:
    """An address on one line; empty if there is none."""
    keys = ("line1", "line2", "postal_code", "city", "state", "country")
    return ", ".join(address[key] for key in keys if address[key]) if address else ""


def card_name(card: Obj) -> str:
    """The card as text, such as `Visa ending in 4242`."""
    return f"{card['brand'].capitalize()} ending in {card['last4']}"


def discount_sums(holder: Obj, discount: int, subtotal: str) -> list[tuple[str, str]]:
    """Subtotal and discount, shown between the lines and the total; empty without a discount."""
    if not discount:
        return []
    currency = holder["currency"]
    return [("Subtotal", format_amount(holder[subtotal], currency)), ("Discount", format_amount(-discount, currency))]
