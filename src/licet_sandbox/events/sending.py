"""Sends a POST to a webhook endpoint over persistent connections.

A small client over httptools: a year of the sandbox's clock is a hundred thousand small requests to one host, and a
full HTTP client would take most of that time.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Self, cast
from urllib.parse import SplitResult, quote, urlsplit

import httptools

if TYPE_CHECKING:
    from types import TracebackType

# The part of a response body that is kept for the list of deliveries.
_KEPT_BYTES = 1000
_MAX_HEADER_BYTES = 1 << 16
_CLOSED = "the connection was closed"


class SendingFailed(Exception):
    """Raised if there was no response; the message has the reason."""


@cache
def _tls() -> ssl.SSLContext:
    """The TLS settings; cached, because reading the certificates takes 30 ms."""
    return ssl.create_default_context()


class _Connection(asyncio.Protocol):
    """A connection with one request at a time.

    usable: it can take another request
    received: bytes of the present response
    """

    def __init__(self) -> None:
        self.usable = False
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._done: asyncio.Future[tuple[int, bytes]] | None = None
        self._body = b""
        self._headed = False
        self.received = 0
        self._lost = False

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from `asyncio.Transport`.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("the response is not HTTP")
        if not self._headed and self.received > _MAX_HEADER_BYTES:
            self._fail("the response header is too long")

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self._headed:
            # A response without a length ends with the connection.
            self._answered()
        self._fail(_CLOSED if exc is None else type(exc).__name__)

    # Called by the parser.

    def on_headers_complete(self) -> None:
        self._headed = self._parser.get_status_code() >= 200

    def on_body(self, body: bytes) -> None:
        self._body = (self._body + body)[:_KEPT_BYTES]

    def on_message_complete(self) -> None:
        if self._headed:
            self._answered()

    def _answered(self) -> None:
        if self._done is not None and not self._done.done():
            self.usable = self._parser.should_keep_alive() and not self._lost
            self._done.set_result((self._parser.get_status_code(), self._body))

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Sends the request; returns the status and the start of the body of the response."""
        if self._transport is None or self._lost:
            raise SendingFailed(_CLOSED)
        self.usable, self._headed, self.received, self._body = False, False, 0, b""
        self._parser = httptools.HttpResponseParser(self)
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._done

    def close(self) -> None:
        """Closes the connection."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, why: str) -> None:
        self.usable = False
        if self._done is not None and not self._done.done():
            self._done.set_exception(SendingFailed(why))
        if self._transport is not None and not self._lost:
            self._transport.abort()


class Sender:
    """A client that keeps idle connections.

    It takes no proxy from the environment: the developer chose the endpoints. Redirects are returned
    like other responses.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._idle: dict[tuple[str, str], list[_Connection]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for connection in [connection for idle in self._idle.values() for connection in idle]:
            connection.close()
        self._idle.clear()

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """The response's status and the start of its body. Raises SendingFailed."""
        try:
            parts = urlsplit(url)
            request = _request(parts, body, headers)
            async with asyncio.timeout(self._timeout_seconds):
                status, start = await self._exchange(parts, request)
        except TimeoutError:
            raise SendingFailed("timeout") from None
        except (OSError, ValueError) as error:
            raise SendingFailed(type(error).__name__) from error
        return status, start.decode("utf-8", "replace")

    async def _exchange(self, parts: SplitResult, request: bytes) -> tuple[int, bytes]:
        idle = self._idle.setdefault((parts.scheme, parts.netloc), [])
        while idle:
            connection = idle.pop()
            if connection.usable:
                try:
                    return await self._over(connection, request, idle)
                except SendingFailed:
                    if connection.received:
                        raise
                    # The endpoint closed the connection as the request was written.
        return await self._over(await _connect(parts), request, idle)

    async def _over(self, connection: _Connection, request: bytes, idle: list[_Connection]) -> tuple[int, bytes]:
        try:
            return await connection.exchange(request)
        finally:
            if connection.usable:
                idle.append(connection)
            else:
                connection.close()


async def _connect(parts: SplitResult) -> _Connection:
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        _Connection, parts.hostname or "", port, ssl=_tls() if secure else None
    )
    return connection


def _request(parts: SplitResult, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [_address(parts), f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@lru_cache
def _address(parts: SplitResult) -> str:
    """The request line and the Host header."""
    target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe="%/:=&?~+!$,;'@()*[]")
    return f"POST {target} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}"
