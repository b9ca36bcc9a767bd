"""Where it is counted: in Redis where there is one, else here; and here too while Redis is away."""

from typing import TYPE_CHECKING

from licet.http.rate_limits.count import Count
from licet.http.rate_limits.memory import Memory
from licet.http.rate_limits.rules import WINDOW_SECONDS, Limit

if TYPE_CHECKING:
    from licet.http.rate_limits.shared import Shared


class Counter:
    """Fails open, but not wide: a node whose Redis is away counts for itself. redis_url None: it always does."""

    def __init__(self, redis_url: str | None) -> None:
        self.own = Memory()
        self.shared = _shared(redis_url) if redis_url else None

    async def add(self, limit: Limit, name: str, amount: int = 1) -> Count:
        """Counts `amount` more requests of this name."""
        window = f"{limit.rule}:{name}"
        found = await self.shared.add(window, amount, WINDOW_SECONDS) if self.shared else None
        used, resets_at = found or await self.own.add(window, amount, WINDOW_SECONDS)
        return Count(limit, used, resets_at)

    async def close(self) -> None:
        """Ends the connections to Redis."""
        if self.shared:
            await self.shared.close()


def _shared(url: str) -> "Shared":
    from licet.http.rate_limits.shared import Shared  # noqa: PLC0415 - a start without Redis need not wait for these imports

    return Shared(url)
