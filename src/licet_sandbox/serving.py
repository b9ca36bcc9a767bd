"""Serving a sandbox in the event loop that is running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, Protocol

import uvicorn

from licet_sandbox.guard import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp


class _Server(uvicorn.Server):
    """Signals stay with whoever owns the event loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def may_listen_on(host: str) -> bool:
    """Loopback always; anything else only with `LICET_SANDBOX_PUBLIC=1`, for whoever reaches it may do everything."""
    return is_loopback(host) or os.environ.get("LICET_SANDBOX_PUBLIC") == "1"


class BesideStripe(RuntimeError):  # Reads as what it would be.
    """Where the real Stripe's key is at hand, somebody may mean the real Stripe."""


def check_not_beside_stripe() -> None:
    """Raise where `STRIPE_SECRET_KEY` is set."""
    if os.environ.get("STRIPE_SECRET_KEY"):
        raise BesideStripe(
            "STRIPE_SECRET_KEY is set, and the sandbox never starts beside the real Stripe; unset it first"
        )


class Served(Protocol):
    """The sandbox, as far as its server needs it."""

    base_url: str

    @property
    def app(self) -> ASGIApp:
        """The ASGI application."""

    async def start(self) -> None:
        """Open the file and start the background tasks; `base_url` is known by then."""

    async def stop(self) -> None:
        """Stop the background tasks and close the file."""


class Running:
    """A sandbox that is being served at `url`."""

    def __init__(self, sandbox: Served, server: uvicorn.Server, task: asyncio.Task[None]) -> None:
        self.sandbox = sandbox
        self.url = sandbox.base_url
        self._server = server
        self._task = task

    async def stop(self) -> None:
        """Stop serving, then the sandbox."""
        self._server.should_exit = True
        await self._task
        await self.sandbox.stop()


async def _serve_until_told(server: uvicorn.Server, listener: socket.socket) -> None:
    """Cancelled, uvicorn goes on listening, which keeps uvloop from closing: it would wait for ever."""
    try:
        await server.serve(sockets=[listener])
    finally:
        for listening in server.servers:
            listening.close()


async def serve(sandbox: Served, host: str, port: int) -> Running:
    """Bind, set `base_url`, start the sandbox, then the server. Beyond this machine only where that is meant."""
    check_not_beside_stripe()
    if not may_listen_on(host):
        raise PermissionError(f"{host} can be reached from elsewhere; set LICET_SANDBOX_PUBLIC=1 if that is meant")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named: asyncio sets TCP_NODELAY on such sockets alone, and each answer takes 40 ms without.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        shown = f"[{host}]" if ":" in host else host
        sandbox.base_url = f"http://{shown}:{listener.getsockname()[1]}"
        await sandbox.start()
    except BaseException:
        listener.close()
        raise
    config = uvicorn.Config(sandbox.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    server = _Server(config)
    task = asyncio.create_task(_serve_until_told(server, listener))
    while not server.started and not task.done():  # noqa: ASYNC110  # uvicorn tells in no other way.
        await asyncio.sleep(0.005)
    return Running(sandbox, server, task)
