"""A webhook receiver that keeps the requests, and sends the bytes that a test chooses."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from licet.node.listening import listen

Reply = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def no_reply(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Sends no reply, and ends when the client hangs up."""
    await reader.read()


def raw_reply(raw: bytes) -> Reply:
    """A reply of exactly these bytes."""

    async def reply(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return reply


def http_reply(status: int, body: bytes = b"", *headers: str) -> Reply:
    """A complete HTTP response, after which the connection can be used again."""
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body)}", *headers]
    return raw_reply("\r\n".join([*lines, "", ""]).encode() + body)


@dataclass
class Listener:
    """A running receiver.

    requests: head and body of each, in order; connections: their number; reply: None: hangs up at once
    """

    port: int
    reply: Reply | None = field(default_factory=lambda: http_reply(200))
    connections: int = 0
    requests: list[tuple[bytes, bytes]] = field(default_factory=list)
    open: set[asyncio.Task[None]] = field(default_factory=set)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self.open.add(task)
        try:
            while self.reply:
                self.requests.append(await _request(reader))
                await self.reply(reader, writer)
        except (OSError, asyncio.IncompleteReadError):  # The client may hang up at any time.
            pass
        finally:
            self.open.discard(task)
            writer.close()

    async def until(self, requests: int) -> None:
        """Waits until this many requests have arrived."""
        while len(self.requests) < requests:  # noqa: ASYNC110 - polling keeps the condition visible
            await asyncio.sleep(0.002)

    async def hung_up(self) -> None:
        """Waits until every connection has ended."""
        while self.open:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.002)


async def _request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
    return head, await reader.readexactly(length)


@asynccontextmanager
async def open_listener(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[Listener]:
    """Serves a listener on a free port while the block lasts."""
    socket = listen(host, 0, option="--port")
    listener = Listener(socket.getsockname()[1])
    server = await asyncio.start_server(listener._serve, sock=socket, ssl=tls)
    try:
        yield listener
    finally:
        server.close()
        for task in tuple(listener.open):
            task.cancel()
        await asyncio.gather(*listener.open, return_exceptions=True)
        await server.wait_closed()
