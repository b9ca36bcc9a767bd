"""One HTTP server on a socket that is already open, started and stopped by us."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any, Literal

import uvicorn


class HttpServer:
    """uvicorn without its signal handlers: several of them share one process, which stops them in its own order."""

    def __init__(
        self,
        app: Any,
        listening: socket.socket,
        *,
        finishes_within_seconds: int,
        lifespan: Literal["on", "off"] = "off",
    ) -> None:
        self._listening = listening
        self._server = _Unsignalled(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan=lifespan,
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=finishes_within_seconds,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> "asyncio.Task[None]":
        """Serves from now on. The task that is returned ends only if the server does."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listening]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the HTTP server ended before it began")
            await asyncio.sleep(0.002)
        return self._task

    async def stop(self) -> None:
        """Takes no new connection and lets requests under way finish; what is not done in time is cut off."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


class _Unsignalled(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
