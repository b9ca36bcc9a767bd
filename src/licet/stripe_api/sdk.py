"""The official SDK, and how it is made to speak plain dicts.

Importing it costs most of a second, so this module is imported at the first call (calls.py). Its own timeout (80 s)
and retries (none for a client made this way, and never of a plain 429) are not used: ours are in calls.py.
"""

import json
from typing import Any

import httpx
import stripe

from licet.stripe_api.failures import Failure
from licet.stripe_api.request import Answer, Request
from licet.stripe_api.version import API_VERSION

# Else each request carries the last one's timing, and an id is written into the home directory of whoever runs us.
stripe.enable_telemetry = False

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Transport(stripe.HTTPClient):
    """The SDK's HTTP over httpx, with limits of ours, and past any proxy when the other side is on this machine."""

    name = "httpx"

    def __init__(self, base_url: str | None, timeout_seconds: float) -> None:
        super().__init__()
        local = base_url is not None and httpx.URL(base_url).host in LOOPBACK
        self._http = httpx.AsyncClient(
            timeout=timeout_seconds,
            trust_env=not local,
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30),
        )

    async def request_async(self, method: str, url: str, headers: Any, post_data: Any = None) -> tuple[bytes, int, Any]:
        """One try. What httpx raises comes out as it is: the SDK wants it wrapped only for retries of its own."""
        answer = await self._http.request(method, url, headers=headers, content=post_data)
        return answer.content, answer.status_code, answer.headers

    async def close_async(self) -> None:
        """Close every connection."""
        await self._http.aclose()


class Sdk:
    """One StripeClient, spoken to by path."""

    def __init__(self, secret_key: str, base_url: str | None, timeout_seconds: float) -> None:
        self._transport = Transport(base_url, timeout_seconds)
        self._client = stripe.StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            base_addresses={} if base_url is None else {"api": base_url},
            http_client=self._transport,
            max_network_retries=0,
        )

    async def ask(self, request: Request) -> Answer | Failure:
        """One try of this call."""
        key = {} if request.idempotency_key is None else {"idempotency_key": request.idempotency_key}
        try:
            answer: Any = await self._client.raw_request_async(request.method, request.path, **request.params, **key)
        except httpx.TimeoutException:
            return Failure(None, "it did not answer in time")
        except httpx.HTTPError:
            return Failure(None, "it cannot be reached")
        except stripe.StripeError as error:
            return _failure(error)
        return Answer(json.loads(answer.body), answer.request_id)

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close_async()


def _failure(error: stripe.StripeError) -> Failure:
    headers = error.headers or {}
    body = error.json_body if isinstance(error.json_body, dict) else {}
    said = body.get("error")
    said = said if isinstance(said, dict) else {}
    return Failure(
        # An answer that the SDK cannot read at all has no status on its error.
        status=error.http_status or 200,
        message=str(said.get("message") or error.user_message or "it gave no reason"),
        type=said.get("type"),
        code=said.get("code"),
        decline_code=said.get("decline_code"),
        param=said.get("param"),
        request_id=error.request_id,
        should_retry={"true": True, "false": False}.get(headers.get("stripe-should-retry", "")),
        retry_after_seconds=_seconds(headers.get("retry-after")),
        replayed=headers.get("idempotent-replayed") == "true",
    )


def _seconds(header: str | None) -> float | None:
    # Stripe sends whole seconds; a date, which HTTP allows too, is left to our own back-off.
    return float(header) if header and header.isascii() and header.isdigit() else None
