"""Limits the reads per second of background work, so that Stripe does not refuse the calls of buyers.

Stripe allows 100 requests per second in live mode and 25 in test mode. Background work, such as refreshes, may
use four fifths of that. Each process has its own budget; if several together exceed Stripe's limit, Stripe responds
with 429 and the calls wait and retry. Source: Stripe's documentation, "Rate limits".
"""

import asyncio
from collections.abc import Callable
from time import monotonic

LIVE_PER_SECOND = 80
TEST_PER_SECOND = 20


class ReadBudget:
    """A token bucket of `per_second` tokens. A caller that finds it empty waits, in order of arrival."""

    def __init__(self, per_second: float, clock: Callable[[], float] = monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._tokens = per_second
        self._as_of = clock()

    async def acquire(self) -> None:
        """Waits until the budget allows one more read."""
        wait = self.reserve()
        if wait > 0:
            await asyncio.sleep(wait)

    def reserve(self) -> float:
        """Takes one token, in advance if the bucket is empty. Returns the seconds until it is available."""
        now = self._clock()
        self._tokens = min(self._per_second, self._tokens + (now - self._as_of) * self._per_second) - 1
        self._as_of = now
        return max(0.0, -self._tokens / self._per_second)
