"""Connects to exactly the addresses that were checked; TLS still verifies the host's name."""

import os
import ssl
from collections.abc import Iterable
from typing import Any

import anyio
import httpcore

from licet.outgoing_webhooks.transport.allowed_targets import AllowedTargets, find_addresses
from licet.outgoing_webhooks.transport.dns import Resolve


class ConnectionFailed(Exception):
    """No connection could be made. The text never comes from the remote side."""


class CheckedConnections(httpcore.AsyncNetworkBackend):
    """Resolves a host once, checks every address, and connects to the first that accepts.

    connect_timeout_seconds: for each address, so that one that never responds leaves time for the next.
    """

    def __init__(self, allowed: AllowedTargets, look_up: Resolve, connect_timeout_seconds: float) -> None:
        self._allowed = allowed
        self._look_up = look_up
        self._connect_timeout_seconds = connect_timeout_seconds
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002 - httpcore's signature; no caller passes it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect. Raises RefusedTarget, ConnectionFailed."""
        try:
            addresses = await find_addresses(host, port, self._allowed, self._look_up)
        except OSError:
            raise ConnectionFailed("the host name cannot be resolved") from None
        failure = "the host name has no address"
        for address in addresses:
            try:
                stream = await self._network.connect_tcp(
                    str(address),
                    port,
                    timeout=self._connect_timeout_seconds,
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except httpcore.ConnectTimeout:
                failure = f"no connection within {self._connect_timeout_seconds:g} s"
            except httpcore.ConnectError as error:
                failure = _describe_connect_error(error)
            else:
                return _Stream(stream)
        raise ConnectionFailed(failure)

    async def sleep(self, seconds: float) -> None:
        """Required by httpcore for its own retries, which are not used."""
        await self._network.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that is closed if the TLS handshake is cancelled. httpcore leaves it open."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except httpcore.ConnectError as error:
            raise ConnectionFailed(_describe_tls_error(error.__cause__)) from None
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()
            raise

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as above
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _describe_connect_error(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, OSError) and error.errno:
            return f"no connection: {os.strerror(error.errno)}"
        error = error.__cause__
    return "no connection"


def _describe_tls_error(error: BaseException | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'no handshake'}"
    return "the connection was closed during the TLS handshake"
