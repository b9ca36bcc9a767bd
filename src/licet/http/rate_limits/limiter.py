"""The limiter of a process: counts requests by a known valid credential, else by IP address.

Requests are counted in Redis if one is configured, else in memory, and in memory while Redis is unreachable.
"""

import hashlib
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from licet.http.rate_limits.count import Count
from licet.http.rate_limits.memory import MemoryWindows
from licet.http.rate_limits.rules import WINDOW_SECONDS, Limit, Rule, limits_of

if TYPE_CHECKING:
    from licet.config import Settings
    from licet.http.rate_limits.redis import RedisWindows

MAX_KNOWN_CREDENTIALS = 100_000
"""Some 20 MB. Only valid credentials are stored, and the oldest is removed first."""


class Counter:
    """Counts requests in Redis, or in memory without Redis and while it is unreachable.

    So an outage of Redis refuses no requests, and each node still applies the limits to its own requests.
    """

    def __init__(self, redis_url: str | None) -> None:
        self.memory = MemoryWindows()
        self.redis = _redis(redis_url) if redis_url else None

    async def add(self, limit: Limit, name: str, amount: int = 1) -> Count:
        """Counts `amount` more requests under this name."""
        window = f"{limit.rule}:{name}"
        counted = await self.redis.add(window, amount, WINDOW_SECONDS) if self.redis else None
        used, resets_at = counted or await self.memory.add(window, amount, WINDOW_SECONDS)
        return Count(limit, used, resets_at)

    async def close(self) -> None:
        """Closes the connections to Redis."""
        if self.redis:
            await self.redis.close()


class Limiter:
    """The limits of one process, and the credentials that it knows to be valid."""

    def __init__(self, limits: Mapping[Rule, Limit], counter: Counter) -> None:
        self.limits = limits
        self.counter = counter
        self._known: dict[bytes, str] = {}

    def name_of(self, credential: bytes | None) -> str | None:
        """The name that a credential is counted under; None if it is not known to be valid."""
        return self._known.get(credential) if credential else None

    def remember(self, credential: bytes, name: str) -> None:
        """Records that a credential is valid, so that its requests are counted under `name`."""
        self._known[credential] = name
        if len(self._known) > MAX_KNOWN_CREDENTIALS:
            del self._known[next(iter(self._known))]

    def forget(self, credential: bytes | None) -> None:
        """Removes a credential that is no longer valid."""
        if credential:
            self._known.pop(credential, None)


def limiter_of(settings: "Settings") -> Limiter | None:
    """The limiter that the settings describe; None if rate limits are off."""
    if settings.rate_limits == "off":
        return None
    url = settings.redis_url
    return Limiter(limits_of(settings), Counter(url.get_secret_value() if url else None))


def digest(*parts: str) -> str:
    """A name to count by, from which the parts cannot be read."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def name_of_address(host: str) -> str:
    """The name that an address is counted under.

    IPv6 counts by its /64, in which one caller can choose addresses.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return f"address:{host}"
    if isinstance(address, IPv6Address):
        return f"address:{ip_network((address, 64), strict=False)}"
    return f"address:{address}"


def _redis(url: str) -> "RedisWindows":
    from licet.http.rate_limits.redis import RedisWindows  # noqa: PLC0415 - slow imports that only Redis needs

    return RedisWindows(url)
