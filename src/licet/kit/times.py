"""Times are aware and in UTC, everywhere; Stripe's whole epoch seconds become such at the door."""

from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]
"""Business time: periods, expiry and schedules follow it. In sandbox mode it is the sandbox's clock."""


def wall_now() -> datetime:
    """The real time: for signatures, key expiry, rate limits and leases, whatever business time says."""
    return datetime.now(UTC)


def from_epoch(seconds: int) -> datetime:
    """Stripe's epoch seconds as an aware UTC time."""
    return datetime.fromtimestamp(seconds, UTC)


def from_epoch_or_none(seconds: int | None) -> datetime | None:
    """As `from_epoch`, for what Stripe may leave null."""
    return None if seconds is None else from_epoch(seconds)


def rfc3339(at: datetime) -> str:
    """RFC 3339 in UTC with `Z`, to the second (contract, section 1)."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
