"""One call to Stripe: its tries, its time, its log line."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog

from licet.stripe_api.failures import Failure, translate
from licet.stripe_api.request import Answer, Request
from licet.stripe_api.retries import TOTAL_SECONDS, wait_before_retry

if TYPE_CHECKING:
    from licet.stripe_api.sdk import Sdk

log = structlog.get_logger(__name__)

_gives_up_at: ContextVar[float] = ContextVar("gives_up_at", default=inf)
"""Monotonic seconds."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Let all calls made within take no longer than this together: what several of them do, one caller waits for."""
    token = _gives_up_at.set(min(_gives_up_at.get(), monotonic() + seconds))
    try:
        yield
    finally:
        _gives_up_at.reset(token)


class Calls:
    """The connection to Stripe, made at the first call."""

    def __init__(self, secret_key: str, base_url: str | None, timeout_seconds: float) -> None:
        self._secret_key = secret_key
        self._base_url = base_url
        self._timeout_seconds = timeout_seconds
        self._sdk: Sdk | None = None
        self._making = asyncio.Lock()

    async def call(
        self, method: str, path: str, params: dict[str, Any] | None = None, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """Stripe's answer, after as many tries as it takes within `TOTAL_SECONDS`, or within what `at_most` leaves.

        A POST without a key of the caller's has one made, which all its tries carry. Raises what `translate` makes of a
        failure: CardDeclined, StripeRefused, StripeUnavailable.
        """
        if method == "post" and idempotency_key is None:
            idempotency_key = str(uuid4())
        request = Request(method, path, params or {}, idempotency_key)
        sdk = await self._connect()
        gives_up_at = min(monotonic() + TOTAL_SECONDS, _gives_up_at.get())
        tries = 0
        while True:
            tries += 1
            result = await self._try(sdk, request, gives_up_at - monotonic(), tries)
            if isinstance(result, Answer):
                return result.object
            wait = wait_before_retry(result, tries, gives_up_at - monotonic(), random.random)
            if wait is None:
                raise translate(result)
            await asyncio.sleep(wait)

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._sdk is not None:
            await self._sdk.close()

    async def _try(self, sdk: "Sdk", request: Request, seconds_left: float, number: int) -> Answer | Failure:
        started = monotonic()
        result: Answer | Failure
        try:
            # httpx's own timeout is for each read alone: an answer that drips would never end.
            async with asyncio.timeout(min(seconds_left, self._timeout_seconds)):
                result = await sdk.ask(request)
        except TimeoutError:
            result = Failure(None, "it did not answer in time")
        log.info(
            "stripe call",
            method=request.method,
            path=request.path,
            status=200 if isinstance(result, Answer) else result.status,
            stripe_code=None if isinstance(result, Answer) else result.code,
            stripe_request_id=result.request_id,
            attempt=number,
            milliseconds=round((monotonic() - started) * 1000),
        )
        return result

    async def _connect(self) -> "Sdk":
        async with self._making:
            if self._sdk is None:
                # In a thread: the import takes most of a second, and other requests are not to stand still for it.
                module = await asyncio.to_thread(import_module, "licet.stripe_api.sdk")
                self._sdk = module.Sdk(self._secret_key, self._base_url, self._timeout_seconds)
            return self._sdk
