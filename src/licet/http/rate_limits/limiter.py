"""Who is counted, and as what: a key that is known here by itself, all others by the address that they call from."""

import hashlib
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from licet.http.rate_limits.counter import Counter
from licet.http.rate_limits.rules import Limit, Rule, limits_of

if TYPE_CHECKING:
    from licet.config import Settings

MOST_KNOWN = 100_000
"""Credentials, some 20 MB. Only good ones get in; the one that came first is forgotten first."""


class Limiter:
    """The limits of one process, and which credentials it has seen to be good."""

    def __init__(self, limits: Mapping[Rule, Limit], counter: Counter) -> None:
        self.limits = limits
        self.counter = counter
        self._known: dict[bytes, str] = {}

    def name_of(self, credential: bytes | None) -> str | None:
        """As what a credential is counted; None where it is not known to be good."""
        return self._known.get(credential) if credential else None

    def remember(self, credential: bytes, name: str) -> None:
        """It is good: from now on it is counted by itself."""
        self._known[credential] = name
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    def forget(self, credential: bytes | None) -> None:
        """It was good, and is no longer."""
        if credential:
            self._known.pop(credential, None)


def limiter_of(settings: "Settings") -> Limiter | None:
    """As configured; None where the limits are off."""
    if settings.rate_limits == "off":
        return None
    url = settings.redis_url
    return Limiter(limits_of(settings), Counter(url.get_secret_value() if url else None))


def digest(*parts: str) -> str:
    """A name to count by that tells nothing of what it was made from."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def name_of_address(host: str) -> str:
    """IPv6 counts by its /64: that is what one caller gets, and may choose addresses from as it likes."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return f"address:{host}"
    if isinstance(address, IPv6Address):
        return f"address:{ip_network((address, 64), strict=False)}"
    return f"address:{address}"
