"""Resolves host names through the operating system."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from threading import Thread
from typing import TypeAlias

from licet.kit.hosts import Address

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[Address]]]
"""(host, port) -> the addresses, in the order in which to try them. Raises OSError if there are none."""


async def resolve(host: str, port: int) -> Sequence[Address]:
    """Resolve a host with `getaddrinfo`. Raises OSError.

    Each call has its own thread: a resolver that hangs cannot be interrupted, and would exhaust the shared pool in
    which the hosts of mail, Stripe and the database are resolved too. It is a daemon thread, so that it cannot keep
    Licet from exiting.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Sequence[Address]] = loop.create_future()

    def work() -> None:
        try:
            result: Sequence[Address] | Exception = _look_up(host, port)
        except OSError as error:
            result = error
        except ValueError:  # Not encodable as a host name.
            result = socket.gaierror(socket.EAI_NONAME, "not a host name")
        # RuntimeError: the event loop was closed in the meantime.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, future, result)

    Thread(target=work, name="webhook-resolver", daemon=True).start()
    return await future


def _look_up(host: str, port: int) -> Sequence[Address]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(address[0]) for *_, address in infos))


def _settle(future: "asyncio.Future[Sequence[Address]]", result: Sequence[Address] | Exception) -> None:
    if future.done():  # Cancelled.
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
