"""Times as the controls show and take them: RFC 3339, UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from licet_sandbox.errors import invalid


def rfc3339(moment: float) -> str:
    """Epoch seconds as text, in whole seconds."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> float:
    """Epoch seconds; 400 for what is no time, or is in no time zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"Not a time: {text[:60]!r}.", param="to") from None
    if found.tzinfo is None:
        raise invalid("Say which time zone, such as `Z`.", param="to")
    return found.timestamp()
