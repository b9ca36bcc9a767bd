"""Formats and parses times of the controls: RFC 3339, UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from licet_sandbox.errors import invalid


def rfc3339(seconds: float) -> str:
    """Epoch seconds as RFC 3339 text, in whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> float:
    """Epoch seconds of a time; 400 if it is invalid or has no time zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"Not a time: {text[:60]!r}.", param="to") from None
    if found.tzinfo is None:
        raise invalid("Add a time zone, such as `Z`.", param="to")
    return found.timestamp()
