"""Runs uvicorn on an open socket, without its signal handling."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any, Literal

import uvicorn

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays open: longer than clients and proxies keep theirs (nginx: 60 s).

A client that reuses a connection at the moment when the server closes it gets an error instead of a response.
"""


class HttpServer:
    """uvicorn without its signal handlers: the process stops several servers in its own order."""

    def __init__(
        self,
        app: Any,
        listening: socket.socket,
        *,
        shutdown_seconds: int,
        lifespan: Literal["on", "off"] = "off",
    ) -> None:
        self._listening = listening
        self._server = _ServerWithoutSignals(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan=lifespan,
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=shutdown_seconds,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> "asyncio.Task[None]":
        """Starts serving. The returned task ends only when the server ends."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listening]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the HTTP server ended before it started")
            await asyncio.sleep(0.002)
        return self._task

    async def stop(self) -> None:
        """Accepts no new connections and waits for requests in progress, up to `shutdown_seconds`."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


class _ServerWithoutSignals(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
