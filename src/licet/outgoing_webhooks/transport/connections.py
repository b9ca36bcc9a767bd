"""The connection of an outgoing webhook: to the very address that was checked, under the name that TLS verifies."""

import os
import ssl
from collections.abc import Iterable
from typing import Any

import anyio
import httpcore

from licet.outgoing_webhooks.transport.allowed_targets import Allowed, find_addresses
from licet.outgoing_webhooks.transport.dns import Resolve


class NotReached(Exception):
    """No connection came about. The text says why, in words of ours and of the operating system."""


class CheckedConnections(httpcore.AsyncNetworkBackend):
    """Looks a host up once, checks every address, and connects to the first of them that answers.

    patience_seconds: for each address, so that one that swallows everything leaves time for the next.
    """

    def __init__(self, allowed: Allowed, look_up: Resolve, patience_seconds: float) -> None:
        self._allowed = allowed
        self._look_up = look_up
        self._patience_seconds = patience_seconds
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002 - httpcore's signature; nobody gives one
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection. Raises RefusedTarget, NotReached."""
        try:
            addresses = await find_addresses(host, port, self._allowed, self._look_up)
        except OSError:
            raise NotReached("the host's name cannot be looked up") from None
        failure = "the host's name has no address"
        for address in addresses:
            try:
                stream = await self._network.connect_tcp(
                    str(address),
                    port,
                    timeout=self._patience_seconds,
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except httpcore.ConnectTimeout:
                failure = f"no connection within {self._patience_seconds:g} s"
            except httpcore.ConnectError as error:
                failure = _from_system(error)
            else:
                return _Stream(stream)
        raise NotReached(failure)

    async def sleep(self, seconds: float) -> None:
        """Between httpcore's own retries, of which there are none."""
        await self._network.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that is closed whatever ends the handshake; httpcore leaves it open when that is given up."""

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
            raise NotReached(_from_tls(error.__cause__)) from None
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


def _from_system(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, OSError) and error.errno:
            return f"no connection: {os.strerror(error.errno)}"
        error = error.__cause__
    return "no connection"


def _from_tls(error: BaseException | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'no handshake'}"
    return "the connection broke as TLS began"
