"""Serves a sandbox in the running event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import uvicorn

from licet_sandbox.guard import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays open: longer than clients and proxies keep theirs (nginx: 60 s).

A client that reuses a connection at the moment when the server closes it gets an error instead of a response.
"""


class _Server(uvicorn.Server):
    """Leaves signal handlers to the owner of the event loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def may_listen_on(host: str) -> bool:
    """True for loopback; for other hosts only with `LICET_SANDBOX_PUBLIC=1`.

    Every client that reaches the sandbox has full access to it.
    """
    return is_loopback(host) or os.environ.get("LICET_SANDBOX_PUBLIC") == "1"


class StripeKeyPresent(RuntimeError):
    """Raised if `STRIPE_SECRET_KEY` is set: calls may be meant for the real Stripe."""


def check_no_stripe_key() -> None:
    """Raises StripeKeyPresent if `STRIPE_SECRET_KEY` is set."""
    if os.environ.get("STRIPE_SECRET_KEY"):
        raise StripeKeyPresent(
            "STRIPE_SECRET_KEY is set, and the sandbox never starts beside the real Stripe; unset it first"
        )


class Served(Protocol):
    """What the server needs of the sandbox."""

    base_url: str

    @property
    def app(self) -> ASGIApp:
        """The ASGI application."""

    async def start(self) -> None:
        """Opens the file and starts the background tasks; `base_url` is set before."""

    async def stop(self) -> None:
        """Stops the background tasks and closes the file."""


SandboxT = TypeVar("SandboxT", bound=Served)


class Running(Generic[SandboxT]):
    """A sandbox that is served at `url`."""

    def __init__(self, sandbox: SandboxT, server: uvicorn.Server, task: asyncio.Task[None]) -> None:
        self.sandbox = sandbox
        self.url = sandbox.base_url
        self._server = server
        self._task = task

    async def stop(self) -> None:
        """Stops serving, then the sandbox."""
        self._server.should_exit = True
        await self._task
        await self.sandbox.stop()


async def _serve_until_stopped(server: uvicorn.Server, listener: socket.socket) -> None:
    """Closes the sockets, even if the task is cancelled.

    Otherwise uvicorn would keep listening, and uvloop would wait for it forever.
    """
    try:
        await server.serve(sockets=[listener])
    finally:
        for listening in server.servers:
            listening.close()


async def serve(sandbox: SandboxT, host: str, port: int) -> Running[SandboxT]:
    """Binds the port, sets `base_url`, starts the sandbox, then the server.

    Raises StripeKeyPresent, and PermissionError for a host that `may_listen_on` refuses.
    """
    check_no_stripe_key()
    if not may_listen_on(host):
        raise PermissionError(f"{host} can be reached from other machines; set LICET_SANDBOX_PUBLIC=1 to allow that")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets with an explicit protocol; without it each response takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        url_host = f"[{host}]" if ":" in host else host
        sandbox.base_url = f"http://{url_host}:{listener.getsockname()[1]}"
        await sandbox.start()
    except BaseException:
        listener.close()
        raise
    config = uvicorn.Config(
        sandbox.app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(_serve_until_stopped(server, listener))
    while not server.started and not task.done():  # noqa: ASYNC110  # uvicorn has no event for it.
        await asyncio.sleep(0.005)
    return Running(sandbox, server, task)
