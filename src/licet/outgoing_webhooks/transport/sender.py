"""One attempt to send a webhook: what is asked, for how long, and what is made of the answer."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

import anyio
import httpcore

from licet.outgoing_webhooks.transport.allowed_targets import Allowed, RefusedTarget, Target, check_url
from licet.outgoing_webhooks.transport.connections import CheckedConnections, NotReached
from licet.outgoing_webhooks.transport.dns import Resolve, resolve

WITHIN_SECONDS = 15.0
"""A whole attempt: looking up, connecting, TLS, sending, and reading the answer."""

MAX_ANSWER_BYTES = 64 * 1024
MAX_CONCURRENT = 40

KEPT_SECONDS = 4.0
"""How long a connection waits for the next delivery. Less than the five seconds after which common servers (Node's,
uvicorn) close theirs: one that is closed just as we write would be a failed attempt."""

MAX_ERROR_CHARACTERS = 200

_FAILURES = (
    RefusedTarget,
    NotReached,
    TimeoutError,
    OSError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
)


@dataclass(frozen=True)
class Answer:
    """How an attempt ended. status: of HTTP, None where nobody answered; error: None where it was accepted (2xx).

    An error is one line of words of ours, at most 200 characters; never what the other side wrote, nor the URL's
    query, for both may hold secrets.
    """

    status: int | None
    error: str | None

    @property
    def reached(self) -> bool:
        """Whether somebody answered, whatever the answer was."""
        return self.status is not None


class WebhookSender:
    """Sends webhooks over connections that are checked and kept for a moment. Close it when done.

    tls: whose certificates are believed; None: the system's and Mozilla's list.
    """

    def __init__(
        self,
        allowed: Allowed,
        *,
        look_up: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        within_seconds: float = WITHIN_SECONDS,
    ) -> None:
        self._allowed = allowed
        self._within_seconds = within_seconds
        # The number of connections is held down here and not by the pool: waiting for one is no fault of the endpoint
        # that waits, and a request that is given up while the pool makes it wait blocks a place for ever (httpcore's
        # issue 1093).
        self._free = asyncio.Semaphore(MAX_CONCURRENT)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or httpcore.default_ssl_context(),
            max_connections=None,
            max_keepalive_connections=MAX_CONCURRENT,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=CheckedConnections(allowed, look_up, patience_seconds=within_seconds / 3),
        )

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST it. Never raises over what the other side does.

        Redirects are not followed. The status line decides: an answer that breaks off after it has arrived.
        """
        status: int | None = None
        try:
            target = check_url(url, self._allowed)
            async with self._free:
                # Of anyio, whose giving up httpcore lets its connections be closed by; asyncio's would cut that short.
                with anyio.fail_after(self._within_seconds):
                    async with self._pool.stream(
                        "POST", _url(target), headers=_headers(target, headers), content=body
                    ) as response:
                        status = response.status
                        await _read_away(response)
        except _FAILURES as error:
            if status is None:
                return Answer(None, self._in_words(error))
        return Answer(status, _fault_of(status))

    async def close(self) -> None:
        """End every connection."""
        await self._pool.aclose()

    async def __aenter__(self) -> "WebhookSender":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _in_words(self, error: Exception) -> str:
        if isinstance(error, RefusedTarget):
            words = f"refused: {error}"
        elif isinstance(error, NotReached):
            words = str(error)
        elif isinstance(error, TimeoutError | httpcore.TimeoutException):
            words = f"no answer within {self._within_seconds:g} s"
        elif isinstance(error, httpcore.ProtocolError):
            words = "what came back is not HTTP, or it broke off before an answer"
        else:
            words = "the connection broke before an answer"
        return " ".join(words.split())[:MAX_ERROR_CHARACTERS]


def _url(target: Target) -> httpcore.URL:
    """From its parts, so that nobody parses it a second time and in another way."""
    return httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)


def _headers(target: Target, headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return [("host", target.host_header), *headers.items()]


async def _read_away(response: httpcore.Response) -> None:
    """So that the connection can be used again; one on which more comes is closed instead."""
    left = MAX_ANSWER_BYTES
    async for chunk in response.aiter_stream():
        left -= len(chunk)
        if left < 0:
            return


def _fault_of(status: int | None) -> str | None:
    if status is not None and 200 <= status < 300:
        return None
    if status is not None and 300 <= status < 400:
        return f"answered {status}, a redirect, which is never followed: give the endpoint its final URL"
    return f"answered {status}"
