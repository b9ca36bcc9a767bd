"""Stripe's official SDK, with plain dicts for objects.

Importing it takes most of a second, so this module is imported at the first call (calls.py). The SDK's own timeout
(80 s) and retries (none for such a client, and never for a 429) are not used: calls.py has both.
"""

import json
from typing import Any

import httpx
import stripe

from licet.kit.storable import storable_json
from licet.kit.tls import trusted_authorities
from licet.stripe_api.failures import StripeFailure
from licet.stripe_api.request import StripeRequest, StripeResponse
from licet.stripe_api.version import API_VERSION

# With telemetry each request would report the duration of the previous one, and the SDK would write an id into the
# home directory of the current user.
stripe.enable_telemetry = False

_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


class Transport(stripe.HTTPClient):
    """The SDK's HTTP client, implemented with httpx. It uses no proxy for a server on this machine."""

    name = "httpx"

    def __init__(self, base_url: str | None, timeout_seconds: float) -> None:
        super().__init__()
        local = base_url is not None and httpx.URL(base_url).host in _LOOPBACK_HOSTS
        self._http = httpx.AsyncClient(
            timeout=timeout_seconds,
            verify=trusted_authorities(),
            trust_env=not local,
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30),
        )

    async def request_async(self, method: str, url: str, headers: Any, post_data: Any = None) -> tuple[bytes, int, Any]:
        """Makes one try.

        httpx's exceptions are not wrapped, because the SDK needs that only for its own retries.
        """
        response = await self._http.request(method, url, headers=headers, content=post_data)
        return response.content, response.status_code, response.headers

    async def close_async(self) -> None:
        """Closes all connections."""
        await self._http.aclose()


class Sdk:
    """A StripeClient that is called by path."""

    def __init__(self, secret_key: str, base_url: str | None, timeout_seconds: float) -> None:
        self._transport = Transport(base_url, timeout_seconds)
        self._client = stripe.StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            base_addresses={} if base_url is None else {"api": base_url},
            http_client=self._transport,
            max_network_retries=0,
        )

    async def ask(self, request: StripeRequest) -> StripeResponse | StripeFailure:
        """Makes one try of a call."""
        key = {} if request.idempotency_key is None else {"idempotency_key": request.idempotency_key}
        try:
            response: Any = await self._client.raw_request_async(request.method, request.path, **request.params, **key)
        except httpx.TimeoutException:
            return StripeFailure(None, "it did not answer in time")
        except httpx.HTTPError:
            return StripeFailure(None, "it cannot be reached")
        except stripe.StripeError as error:
            return _failure(error)
        answer = json.loads(response.body)
        # Only an escape can put a NUL or a lone surrogate into a text.
        if "\\u" in response.body:
            answer = storable_json(answer)
        return StripeResponse(answer, response.request_id)

    async def close(self) -> None:
        """Closes all connections."""
        await self._transport.close_async()


def _failure(error: stripe.StripeError) -> StripeFailure:
    headers = error.headers or {}
    body = error.json_body if isinstance(error.json_body, dict) else {}
    details = body.get("error")
    details = details if isinstance(details, dict) else {}
    return StripeFailure(
        # The error for a response that the SDK cannot parse has no status.
        status=error.http_status or 200,
        message=str(details.get("message") or error.user_message or "it gave no reason"),
        type=details.get("type"),
        code=details.get("code"),
        decline_code=details.get("decline_code"),
        param=details.get("param"),
        request_id=error.request_id,
        should_retry={"true": True, "false": False}.get(headers.get("stripe-should-retry", "")),
        retry_after_seconds=_seconds(headers.get("retry-after")),
        replayed=headers.get("idempotent-replayed") == "true",
    )


def _seconds(header: str | None) -> float | None:
    # Stripe sends whole seconds. A date, which HTTP allows too, is ignored.
    return float(header) if header and header.isascii() and header.isdigit() else None
