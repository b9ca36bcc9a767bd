"""Dates, addresses, cards and sums as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from licet_sandbox.billing.invoices.lines import format_amount

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj


def show_date(moment: int) -> str:
    """`3 February 2027`, of epoch seconds, in UTC."""
    at = datetime.fromtimestamp(moment, UTC)
    return f"{at.day} {at:%B %Y}"


def address_text(address: Obj | None) -> str:
    """An address on one line; empty where there is none."""
    keys = ("line1", "line2", "postal_code", "city", "state", "country")
    return ", ".join(address[key] for key in keys if address[key]) if address else ""


def card_name(card: Obj) -> str:
    """`Visa ending in 4242`."""
    return f"{card['brand'].capitalize()} ending in {card['last4']}"


def discount_sums(holder: Obj, discount: int, subtotal: str) -> list[tuple[str, str]]:
    """What lies between the lines and the total: nothing, where nothing is taken off."""
    if not discount:
        return []
    currency = holder["currency"]
    return [("Subtotal", format_amount(holder[subtotal], currency)), ("Discount", format_amount(-discount, currency))]
