"""How a limit stands for somebody, and how they are told."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from licet.errors import RateLimited
from licet.http.rate_limits.rules import WINDOW_SECONDS, Limit
from licet.kit.times import wall_now

LIMIT = "X-RateLimit-Limit"
REMAINING = "X-RateLimit-Remaining"
RESET = "X-RateLimit-Reset"

DESCRIBED: Mapping[str, str] = {
    LIMIT: "How many requests within a minute are allowed.",
    REMAINING: "How many of them are left.",
    RESET: "When all of them are there again, in Unix seconds.",
}


@dataclass(frozen=True)
class Count:
    """used: in this window, this request included. resets_at: Unix seconds, wall time."""

    limit: Limit
    used: int
    resets_at: float

    @property
    def remaining(self) -> int:
        """How many requests are left; never below 0."""
        return max(0, self.limit.amount - self.used)

    @property
    def over(self) -> bool:
        """Whether this request is one too many."""
        return self.used > self.limit.amount

    @property
    def headers(self) -> dict[str, str]:
        """As every answer carries them. The second is rounded up, so that waiting for it is enough."""
        return {
            LIMIT: str(self.limit.amount),
            REMAINING: str(self.remaining),
            RESET: str(math.ceil(self.resets_at)),
        }

    def as_error(self) -> RateLimited:
        """The refusal, with the time to wait."""
        seconds = max(1, math.ceil(self.resets_at - wall_now().timestamp()))
        return RateLimited(
            f"Too many requests: at most {self.limit.amount} within a minute. Go on in {seconds} s.",
            retry_after_seconds=seconds,
        )


def untouched(limit: Limit) -> Count:
    """What an answer says that counted for nothing."""
    return Count(limit, 0, wall_now().timestamp() + WINDOW_SECONDS)
