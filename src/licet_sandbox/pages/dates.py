"""Moments as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def show_date(moment: int) -> str:
    """`3 February 2027`, of epoch seconds, in UTC."""
    at = datetime.fromtimestamp(moment, UTC)
    return f"{at.day} {at:%B %Y}"
