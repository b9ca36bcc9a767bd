"""How many reads a second the background may spend, so that buyers' calls are never the ones refused.

Stripe allows 100 requests a second in live mode and 25 in test mode; four fifths of that are for catching up,
refreshing and comparing. It counts in this process: several workers share the limit by Stripe's 429s, which are waited
out.
Source: Stripe's documentation, "Rate limits".
"""

import asyncio
from collections.abc import Callable
from time import monotonic

LIVE_PER_SECOND = 80
TEST_PER_SECOND = 20


class ReadBudget:
    """A bucket of `per_second` tokens that refills steadily; who finds it empty waits for his turn, in order."""

    def __init__(self, per_second: float, clock: Callable[[], float] = monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._tokens = per_second
        self._as_of = clock()

    async def take(self) -> None:
        """Wait until one more read fits in the budget."""
        wait = self.reserve()
        if wait > 0:
            await asyncio.sleep(wait)

    def reserve(self) -> float:
        """Take one token, on credit if need be: the seconds until it is really there."""
        now = self._clock()
        self._tokens = min(self._per_second, self._tokens + (now - self._as_of) * self._per_second) - 1
        self._as_of = now
        return max(0.0, -self._tokens / self._per_second)
