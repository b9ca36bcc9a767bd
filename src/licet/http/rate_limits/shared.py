"""Counting in Redis or Valkey, which all nodes share."""

from time import monotonic

import structlog
from limits.aio.storage import RedisStorage
from limits.errors import StorageError
from redis.asyncio import BlockingConnectionPool

log = structlog.get_logger("licet.http")

ANSWERS_WITHIN_SECONDS = 0.25
"""A request waits no longer for its count."""
ASK_AGAIN_SECONDS = 5.0
"""So that a Redis that does not answer costs a few requests their patience, not each of them."""
_MOST_CONNECTIONS = 50


class Shared:
    """The windows of `limits`, named `licet:…` in a Redis. Connects when first asked, and again after it was away.

    failures: how often it could not be asked, since the start.
    """

    def __init__(self, url: str) -> None:
        self._pool = BlockingConnectionPool.from_url(
            # The protocol is one; this client knows only the older of its two names.
            url.replace("valkey", "redis", 1) if url.startswith("valkey") else url,
            max_connections=_MOST_CONNECTIONS,
            timeout=ANSWERS_WITHIN_SECONDS,
            socket_timeout=ANSWERS_WITHIN_SECONDS,
            socket_connect_timeout=ANSWERS_WITHIN_SECONDS,
        )
        self._storage = RedisStorage(
            "async+redis://",
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix="licet",
            connection_pool=self._pool,  # type: ignore[arg-type]  # as documented; the annotation names plain values alone
        )
        self._ask_again_at = 0.0
        self.failures = 0

    async def add(self, name: str, amount: int, seconds: int) -> tuple[int, float] | None:
        """As `Memory.add`, in two round trips. None while it cannot be asked."""
        if monotonic() < self._ask_again_at:
            return None
        try:
            used = await self._storage.incr(name, seconds, amount)
            # Redis tells whole seconds, rounded: half a second more, and waiting for it is enough.
            return used, await self._storage.get_expiry(name) + 0.5
        except (StorageError, OSError) as error:
            self._ask_again_at = monotonic() + ASK_AGAIN_SECONDS
            self.failures += 1
            log.warning("redis is away, requests are counted here", error=repr(error), failures=self.failures)
            return None

    async def close(self) -> None:
        """Gives the connections back."""
        await self._pool.disconnect()
