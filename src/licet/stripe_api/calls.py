"""Makes a call to Stripe: with retries, a time limit and a log line for each try."""

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

from licet.stripe_api.failures import StripeFailure, error_for
from licet.stripe_api.request import StripeRequest, StripeResponse
from licet.stripe_api.retries import CALL_TIMEOUT_SECONDS, wait_before_retry

if TYPE_CHECKING:
    from licet.stripe_api.sdk import Sdk

log = structlog.get_logger(__name__)

_gives_up_at: ContextVar[float] = ContextVar("gives_up_at", default=inf)
"""When calls in this context stop retrying, in monotonic seconds."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Limits the total time of all calls to Stripe within the block, for which one caller waits."""
    token = _gives_up_at.set(min(_gives_up_at.get(), monotonic() + seconds))
    try:
        yield
    finally:
        _gives_up_at.reset(token)


class Calls:
    """The connection to Stripe, opened at the first call."""

    def __init__(self, secret_key: str, base_url: str | None, timeout_seconds: float) -> None:
        self._secret_key = secret_key
        self._base_url = base_url
        self._timeout_seconds = timeout_seconds
        self._sdk: Sdk | None = None
        self._making = asyncio.Lock()

    async def call(
        self, method: str, path: str, params: dict[str, Any] | None = None, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """Calls Stripe, with retries, and returns the object of its response.

        All tries together take at most `CALL_TIMEOUT_SECONDS`, or less within `time_limit`. A POST without an
        idempotency key gets a generated one for all its tries. Raises CardDeclined, StripeRefused, StripeUnavailable.
        """
        if method == "post" and idempotency_key is None:
            idempotency_key = str(uuid4())
        request = StripeRequest(method, path, params or {}, idempotency_key)
        sdk = await self._connect()
        gives_up_at = min(monotonic() + CALL_TIMEOUT_SECONDS, _gives_up_at.get())
        tries = 0
        while True:
            tries += 1
            result = await self._try(sdk, request, gives_up_at - monotonic(), tries)
            if isinstance(result, StripeResponse):
                return result.object
            wait = wait_before_retry(result, tries, gives_up_at - monotonic(), random.random)
            if wait is None:
                raise error_for(result)
            await asyncio.sleep(wait)

    async def close(self) -> None:
        """Closes the connection, if it is open."""
        if self._sdk is not None:
            await self._sdk.close()

    async def _try(
        self, sdk: "Sdk", request: StripeRequest, seconds_left: float, number: int
    ) -> StripeResponse | StripeFailure:
        started = monotonic()
        result: StripeResponse | StripeFailure
        try:
            # httpx's own timeout is per read, so a response that arrives slowly would never time out.
            async with asyncio.timeout(min(seconds_left, self._timeout_seconds)):
                result = await sdk.ask(request)
        except TimeoutError:
            result = StripeFailure(None, "it did not answer in time")
        log.info(
            "stripe_call",
            method=request.method,
            path=request.path,
            status=200 if isinstance(result, StripeResponse) else result.status,
            stripe_code=None if isinstance(result, StripeResponse) else result.code,
            stripe_request_id=result.request_id,
            attempt=number,
            milliseconds=round((monotonic() - started) * 1000),
        )
        return result

    async def _connect(self) -> "Sdk":
        async with self._making:
            if self._sdk is None:
                # In a thread, because the import takes most of a second and must not block other requests.
                module = await asyncio.to_thread(import_module, "licet.stripe_api.sdk")
                self._sdk = module.Sdk(self._secret_key, self._base_url, self._timeout_seconds)
            return self._sdk
