"""The count of one caller against one limit, and its response headers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from licet.errors import RateLimited
from licet.http.rate_limits.rules import WINDOW_SECONDS, Limit
from licet.kit.times import wall_now

LIMIT_HEADER = "X-RateLimit-Limit"
REMAINING_HEADER = "X-RateLimit-Remaining"
RESET_HEADER = "X-RateLimit-Reset"

RATE_LIMIT_HEADERS: Mapping[str, str] = {
    LIMIT_HEADER: "The number of requests allowed per minute.",
    REMAINING_HEADER: "The number of requests left in this minute.",
    RESET_HEADER: "When the minute ends and the full number is available again, in Unix seconds.",
}


@dataclass(frozen=True)
class Count:
    """A count against a limit.

    used: requests in this window, this one included. resets_at: Unix seconds, wall time.
    """

    limit: Limit
    used: int
    resets_at: float

    @property
    def remaining(self) -> int:
        """The number of requests left, at least 0."""
        return max(0, self.limit.amount - self.used)

    @property
    def over(self) -> bool:
        """True if this request exceeds the limit."""
        return self.used > self.limit.amount

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every response. The reset time is rounded up, so that waiting until then is enough."""
        return {
            LIMIT_HEADER: str(self.limit.amount),
            REMAINING_HEADER: str(self.remaining),
            RESET_HEADER: str(math.ceil(self.resets_at)),
        }

    def as_error(self) -> RateLimited:
        """The error for an exceeded limit, with the seconds to wait."""
        seconds = max(1, math.ceil(self.resets_at - wall_now().timestamp()))
        return RateLimited(
            f"Too many requests: at most {self.limit.amount} per minute are allowed. Try again in {seconds} s.",
            retry_after_seconds=seconds,
        )


def unused_count(limit: Limit) -> Count:
    """The count for a response to a request that no limit applies to."""
    return Count(limit, 0, wall_now().timestamp() + WINDOW_SECONDS)
