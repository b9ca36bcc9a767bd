"""The sandbox's clock: real time plus an offset, which only grows."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """A clock that runs at real speed. `offset` is in seconds and is kept in the sandbox's file."""

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset

    def timestamp(self) -> float:
        """Seconds since the epoch, with a fraction."""
        return time.time() + self.offset

    def now(self) -> datetime:
        """The current time, aware UTC."""
        return datetime.fromtimestamp(self.timestamp(), UTC)

    def advance_to(self, moment: float) -> None:
        """Moves forward to `moment` (epoch seconds); a time in the past changes nothing."""
        self.offset += max(0.0, moment - self.timestamp())
