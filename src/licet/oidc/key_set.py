"""The provider's keys in memory: read when first needed, again now and then, and when a token names an unknown one.

However many requests wait, one asks; a flood of made-up key ids makes no flood of questions; and a provider that is
away for a while keeps nobody out whose key is known.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import structlog
from jwt import PyJWK

from licet.errors import IdentityProviderUnavailable
from licet.oidc.keys import pick, usable
from licet.oidc.published import NotPublished, fetch_keys

FRESH_SECONDS = 600.0
"""After that the provider is asked again, so that a key which it has taken back goes."""
KEPT_SECONDS = 24 * 3600.0
"""As long keys are used of a provider that does not answer any more."""
ASK_AGAIN_SECONDS = 10.0
"""The provider is never asked more often, whatever comes."""

log = structlog.get_logger("licet.oidc")


class KeySet:
    """The keys of one issuer. clock: seconds that only go forward."""

    def __init__(
        self,
        issuer: str,
        *,
        fetch: Callable[[str], Awaitable[list[Any]]] = fetch_keys,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._keys: tuple[PyJWK, ...] = ()
        self._asked_at = self._read_at = float("-inf")
        self._asking = asyncio.Lock()

    async def find(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """The key that a token names; None where the provider has no such one.

        Raises IdentityProviderUnavailable where that cannot be told, for it does not answer.
        """
        found = self._pick(kid, algorithm)
        # While another asks whether a known key still holds, it does.
        if found is None or (self._age() > FRESH_SECONDS and not self._asking.locked()):
            await self._ask_unless_just_asked()
            found = self._pick(kid, algorithm)
        if found is None and self._read_at < self._asked_at:
            raise IdentityProviderUnavailable(
                "The identity provider does not tell its keys, so this token cannot be checked. "
                "Try again in a moment; API keys go on working.",
                retry_after_seconds=round(ASK_AGAIN_SECONDS),
            )
        return found

    def _pick(self, kid: str | None, algorithm: str) -> PyJWK | None:
        return pick(self._keys, kid, algorithm) if self._age() <= KEPT_SECONDS else None

    def _age(self) -> float:
        return self._clock() - self._read_at

    async def _ask_unless_just_asked(self) -> None:
        async with self._asking:
            now = self._clock()
            if now - self._asked_at < ASK_AGAIN_SECONDS:
                return
            self._asked_at = now
            try:
                self._keys = usable(await self._fetch(self._issuer))
            except NotPublished as error:
                log.warning("the identity provider's keys cannot be read", issuer=self._issuer, reason=str(error))
                return
            self._read_at = now
            log.info("read the identity provider's keys", issuer=self._issuer, keys=len(self._keys))
