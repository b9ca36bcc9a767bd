"""An application over real HTTP, on a free port, in the test's own loop."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

from licet.node.listening import listen, url_of


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # They are pytest's.
        yield


@asynccontextmanager
async def serve(app: Any) -> AsyncIterator[str]:
    """Serves an ASGI application for as long as the block lasts. Gives its address, with no slash at the end."""
    listening = listen("127.0.0.1", 0, option="--port")
    server = _Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            # As in earnest: who is believed about the caller's address is our own setting.
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
        server.should_exit = True
        await asyncio.wait_for(task, 5)
        listening.close()
