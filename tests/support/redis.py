"""A Redis or Valkey server for one test, on a socket in a temporary directory."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.patience import PATIENCE_SECONDS


def program() -> str:
    """The server's path. Raises RuntimeError saying what to install: a test that needs it never skips."""
    named = os.environ.get("REDIS_SERVER")
    found = named or next(filter(None, map(shutil.which, ("valkey-server", "redis-server"))), None)
    if found is None:
        raise RuntimeError(
            "the tests of several nodes need Redis: apt-get install redis-server, or REDIS_SERVER=/path/to/it"
        )
    return found


class RedisServer:
    """A server that stores nothing on disk: after a restart it is empty."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Starts the server, and waits until it responds."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "save": "",
            "appendonly": "no",
            "dir": self.socket.parent,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._process = await asyncio.create_subprocess_exec(program(), *words, stdout=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self.command("PING"):
                assert self._process.returncode is None, "it ended before it answered"
                await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Stops the server, if it is running."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def command(self, line: str) -> str:
        """The raw response to a command; empty while the server is stopped."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(self.socket))
        except OSError:
            return ""
        writer.write(f"{line}\r\nQUIT\r\n".encode())
        answer = await reader.read()
        writer.close()
        return answer.decode().removesuffix("+OK\r\n")


@asynccontextmanager
async def redis_server() -> AsyncIterator[RedisServer]:
    """Runs a server while the block lasts."""
    directory = Path(tempfile.mkdtemp(prefix="licet-redis-"))
    server = RedisServer(directory)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        shutil.rmtree(directory)
