"""Times: aware UTC everywhere. Stripe's epoch seconds are converted as soon as they are read."""

from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]
"""Business time, for periods, expiry and schedules. In sandbox mode it is the sandbox's clock."""


def wall_now() -> datetime:
    """The real time, for signatures, key expiry, rate limits and leases."""
    return datetime.now(UTC)


def from_epoch(seconds: int) -> datetime:
    """Stripe's epoch seconds as an aware UTC time."""
    return datetime.fromtimestamp(seconds, UTC)


def from_epoch_or_none(seconds: int | None) -> datetime | None:
    """As `from_epoch`, for a field that may be null."""
    return None if seconds is None else from_epoch(seconds)


def rfc3339(at: datetime) -> str:
    """Format as RFC 3339 in UTC with `Z`, to the second (contract, section 1)."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
