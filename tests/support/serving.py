"""Serves an application over real HTTP, on a free port, in the test's event loop."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from socket import socket
from typing import Any

import uvicorn
from tests.support.patience import PATIENCE_SECONDS

from licet.node.listening import listen, url_of


class _Server(uvicorn.Server):
    """Stops without uvicorn's pauses, which would cost each test some tenths of a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.told_to_stop = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # pytest handles the signals.
        yield

    async def main_loop(self) -> None:
        while not self.told_to_stop.is_set():
            # Puts the time into the `Date` header.
            await self.on_tick(0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.told_to_stop.wait(), 0.5)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.001)
        await self.lifespan.shutdown()


@asynccontextmanager
async def serve(app: Any) -> AsyncIterator[str]:
    """Serves an ASGI application while the block lasts. Yields its address, without a final slash."""
    listening = listen("127.0.0.1", 0, option="--port")
    server = _Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            # A client on a busy machine may come back to an idle connection late.
            timeout_keep_alive=int(PATIENCE_SECONDS),
            # As in production: which proxies are trusted is a setting of Licet.
            proxy_headers=False,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise RuntimeError("the server ended before it began")
            await asyncio.sleep(0.002)
        yield url_of(listening)
    finally:
        server.told_to_stop.set()
        await asyncio.wait_for(task, PATIENCE_SECONDS)
        listening.close()
