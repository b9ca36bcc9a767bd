"""Sends one webhook request: timeouts, connection reuse and the result."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

import anyio
import httpcore

from licet.kit.redact import error_line
from licet.kit.tls import trusted_authorities
from licet.outgoing_webhooks.transport.allowed_targets import AllowedTargets, RefusedTarget, Target, check_url
from licet.outgoing_webhooks.transport.connections import CheckedConnections, ConnectionFailed
from licet.outgoing_webhooks.transport.dns import Resolve, resolve

ATTEMPT_TIMEOUT_SECONDS = 15.0
"""Timeout of a whole attempt: DNS, connecting, TLS, sending, and reading the response."""

MAX_RESPONSE_BYTES = 64 * 1024
MAX_CONCURRENT = 40

KEEPALIVE_SECONDS = 4.0
"""How long an idle connection is kept. Less than the five seconds after which common servers (Node, uvicorn) close
theirs: a connection that is closed while Licet writes to it would be a failed attempt."""

MAX_ERROR_CHARACTERS = 200

_FAILURES = (
    RefusedTarget,
    ConnectionFailed,
    TimeoutError,
    OSError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
)


@dataclass(frozen=True)
class AttemptResult:
    """The result of an attempt.

    status: the HTTP status, None without a response. error: None after a 2xx.
    error is one line of at most 200 characters. It never contains text from the response or the URL's query, because
    both may contain secrets.
    """

    status: int | None
    error: str | None

    @property
    def reached(self) -> bool:
        """Whether there was a response, whatever its status."""
        return self.status is not None


class WebhookSender:
    """Sends webhooks over checked connections, which are kept for a few seconds. Close it after use.

    tls: the trusted certificates; None: `trusted_authorities`.
    """

    def __init__(
        self,
        allowed: AllowedTargets,
        *,
        look_up: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = ATTEMPT_TIMEOUT_SECONDS,
    ) -> None:
        self._allowed = allowed
        self._timeout_seconds = timeout_seconds
        # The number of connections is limited here and not by the pool: the time spent waiting for one must not count
        # against the endpoint, and a request that is cancelled while it waits in the pool blocks a slot forever
        # (httpcore's issue 1093).
        self._free = asyncio.Semaphore(MAX_CONCURRENT)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or trusted_authorities(),
            max_connections=None,
            max_keepalive_connections=MAX_CONCURRENT,
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=CheckedConnections(allowed, look_up, connect_timeout_seconds=timeout_seconds / 3),
        )

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> AttemptResult:
        """POST the body. Returns the result; never raises for a failure of the remote side.

        Redirects are not followed. The status line decides: a response that breaks off after it counts as received.
        """
        status: int | None = None
        try:
            target = check_url(url, self._allowed)
            async with self._free:
                # anyio's timeout lets httpcore close its connection. asyncio's would interrupt that.
                with anyio.fail_after(self._timeout_seconds):
                    async with self._pool.stream(
                        "POST", _url(target), headers=_headers(target, headers), content=body
                    ) as response:
                        status = response.status
                        await _drain(response)
        except _FAILURES as error:
            if status is None:
                return AttemptResult(None, self._describe_error(error))
        return AttemptResult(status, _status_error(status))

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def __aenter__(self) -> "WebhookSender":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _describe_error(self, error: Exception) -> str:
        if isinstance(error, RefusedTarget):
            text = f"refused: {error}"
        elif isinstance(error, ConnectionFailed):
            text = str(error)
        elif isinstance(error, TimeoutError | httpcore.TimeoutException):
            text = f"no response within {self._timeout_seconds:g} s"
        elif isinstance(error, httpcore.ProtocolError):
            text = "the response is not HTTP or broke off"
        else:
            text = "the connection was closed before a response"
        return error_line(text, MAX_ERROR_CHARACTERS)


def _url(target: Target) -> httpcore.URL:
    """Build the URL from its parts, so that it is not parsed again, possibly in another way."""
    return httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)


def _headers(target: Target, headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return [("host", target.host_header), *headers.items()]


async def _drain(response: httpcore.Response) -> None:
    """Read the rest of the response, so that the connection can be reused; give up if it is too long."""
    left = MAX_RESPONSE_BYTES
    async for chunk in response.aiter_stream():
        left -= len(chunk)
        if left < 0:
            return


def _status_error(status: int | None) -> str | None:
    if status is not None and 200 <= status < 300:
        return None
    if status is not None and 300 <= status < 400:
        return f"answered {status}, a redirect, which is not followed: change the endpoint to the final URL"
    return f"answered {status}"
