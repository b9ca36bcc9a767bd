"""Counts requests in Redis or Valkey, for all nodes together."""

from time import monotonic

import structlog
from limits.aio.storage import RedisStorage
from limits.errors import StorageError
from redis.asyncio import BlockingConnectionPool

log = structlog.get_logger("licet.http")

REDIS_TIMEOUT_SECONDS = 0.25
"""The longest that a request waits for its count."""
REDIS_RETRY_SECONDS = 5.0
"""How long an unreachable Redis is not tried again, so that only a few requests wait for its timeout."""
_MAX_CONNECTIONS = 50


class RedisWindows:
    """The windows of the package `limits` in Redis, under names `licet:…`.

    Connects on first use, and reconnects. failures: how often Redis could not be reached since the start.
    """

    def __init__(self, url: str) -> None:
        self._pool = BlockingConnectionPool.from_url(
            # Valkey has the same protocol, but this client knows only the name redis.
            url.replace("valkey", "redis", 1) if url.startswith("valkey") else url,
            max_connections=_MAX_CONNECTIONS,
            timeout=REDIS_TIMEOUT_SECONDS,
            socket_timeout=REDIS_TIMEOUT_SECONDS,
            socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        )
        self._storage = RedisStorage(
            "async+redis://",
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix="licet",
            connection_pool=self._pool,  # type: ignore[arg-type]  # documented, but missing from the annotation
        )
        self._retry_at = 0.0
        self.failures = 0

    async def add(self, name: str, amount: int, seconds: int) -> tuple[int, float] | None:
        """Does the same as `MemoryWindows.add`, in two round trips. Returns None while Redis is unreachable."""
        if monotonic() < self._retry_at:
            return None
        try:
            used = await self._storage.incr(name, seconds, amount)
            # Redis returns rounded seconds. With half a second added, waiting until then is enough.
            return used, await self._storage.get_expiry(name) + 0.5
        except (StorageError, OSError) as error:
            self._retry_at = monotonic() + REDIS_RETRY_SECONDS
            self.failures += 1
            log.warning("redis_unreachable_counting_in_memory", error=repr(error), failures=self.failures)
            return None

    async def close(self) -> None:
        """Closes the connections."""
        await self._pool.disconnect()
