"""From a host's name to its addresses, as the operating system sees them."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from threading import Thread
from typing import TypeAlias

from licet.kit.hosts import Address

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[Address]]]
"""From host and port to the addresses, in the order in which to try them. Raises OSError where there are none."""


async def resolve(host: str, port: int) -> Sequence[Address]:
    """As `getaddrinfo` has it. Raises OSError.

    In a thread of its own: a resolver that hangs cannot be interrupted, and would use up the few threads in which
    mail, Stripe and the database are looked up too. A daemon: nor would Licet end before it.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Sequence[Address]] = loop.create_future()

    def work() -> None:
        try:
            answer: Sequence[Address] | Exception = _look_up(host, port)
        except OSError as error:
            answer = error
        except ValueError:  # What cannot be asked for at all.
            answer = socket.gaierror(socket.EAI_NONAME, "not a host's name")
        # RuntimeError: the loop has ended meanwhile, and nobody is waiting.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, found, answer)

    Thread(target=work, name="webhook-resolver", daemon=True).start()
    return await found


def _look_up(host: str, port: int) -> Sequence[Address]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(address[0]) for *_, address in answers))


def _settle(found: "asyncio.Future[Sequence[Address]]", answer: Sequence[Address] | Exception) -> None:
    if found.done():  # Given up.
        return
    if isinstance(answer, Exception):
        found.set_exception(answer)
    else:
        found.set_result(answer)
