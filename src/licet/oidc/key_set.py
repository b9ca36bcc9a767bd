"""Keeps the provider's keys in memory.

They are read on first use, periodically, and for a token with an unknown key. Only one request at a time reads them, a
minimum interval protects the provider from tokens with made-up key ids, and known keys are used while the provider is
unreachable.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import structlog
from jwt import PyJWK

from licet.errors import IdentityProviderUnavailable
from licet.oidc.keys import find_key_for, usable_keys
from licet.oidc.published import NotPublished, fetch_keys

KEYS_REFRESH_SECONDS = 600.0
"""After this time the keys are read again, so that a key that the provider has withdrawn is removed."""
MAX_KEYS_AGE_SECONDS = 24 * 3600.0
"""How long keys are used while the provider is unreachable."""
MIN_FETCH_INTERVAL_SECONDS = 10.0
"""The shortest time between two reads of the keys."""

log = structlog.get_logger("licet.oidc")


class KeySet:
    """The keys of one issuer. clock: monotonic seconds."""

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
        self._tried_at = self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._background: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """The key that a token names; None if the provider has no such key.

        Raises IdentityProviderUnavailable if the key is unknown and the keys cannot be read.
        """
        key = self.find_known(kid, algorithm)
        # A known key is used while another request reads the keys again.
        if key is None or (self._age() > KEYS_REFRESH_SECONDS and not self._reading.locked()):
            await self._read_unless_just_tried()
            key = self.find_known(kid, algorithm)
        if key is None and self._read_at < self._tried_at:
            seconds = round(MIN_FETCH_INTERVAL_SECONDS)
            raise IdentityProviderUnavailable(
                "The keys of the identity provider cannot be read, so this token cannot be verified. "
                f"Try again in {seconds} s, or send an API key.",
                retry_after_seconds=seconds,
            )
        return key

    def find_known(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """The key that a token names, if it was read before; else None."""
        return find_key_for(self._keys, kid, algorithm) if self._age() <= MAX_KEYS_AGE_SECONDS else None

    def read_in_background(self) -> None:
        """Reads the keys without waiting for them, unless that was tried just now."""
        if self._background is None or self._background.done():
            self._background = asyncio.create_task(self._read_unless_just_tried())

    def _age(self) -> float:
        return self._clock() - self._read_at

    async def _read_unless_just_tried(self) -> None:
        async with self._reading:
            now = self._clock()
            if now - self._tried_at < MIN_FETCH_INTERVAL_SECONDS:
                return
            self._tried_at = now
            try:
                self._keys = usable_keys(await self._fetch(self._issuer))
            except NotPublished as error:
                log.warning("identity_provider_keys_not_read", issuer=self._issuer, reason=str(error))
                return
            self._read_at = now
            log.info("identity_provider_keys_read", issuer=self._issuer, keys=len(self._keys))
