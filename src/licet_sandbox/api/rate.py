"""The rate limit, if one is set: a maximum of calls within any second of real time."""

from __future__ import annotations

import time
from collections import deque

from licet_sandbox.errors import StripeError

_MESSAGE = (
    "Request rate limit exceeded. Requests came too quickly; wait a little and try again, longer after each refusal."
)


class RateLimit:
    """Keeps the times of the calls in the last second."""

    def __init__(self) -> None:
        self._calls: deque[float] = deque()

    def admit(self, most: int | None) -> None:
        """Counts a call. Raises Stripe's 429 above the limit; a refused call does not count."""
        if most is None:
            self._calls.clear()
            return
        now = time.monotonic()
        while self._calls and self._calls[0] <= now - 1:
            self._calls.popleft()
        if len(self._calls) >= most:
            raise rate_limited()
        self._calls.append(now)


def rate_limited(retry_after: int | None = None) -> StripeError:
    """Stripe's 429, usually without `Retry-After`."""
    headers = {"Stripe-Rate-Limited-Reason": "global-rate"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    doc_url = "https://docs.stripe.com/error-codes/rate-limit"
    error = {"type": "invalid_request_error", "code": "rate_limit", "doc_url": doc_url, "message": _MESSAGE}
    return StripeError(429, error, headers=headers)
