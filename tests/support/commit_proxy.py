"""A proxy between Licet and its PostgreSQL that kills Licet at a chosen message."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
"""PostgreSQL's message that a transaction is committed (protocol: CommandComplete)."""

INSERTED = b"INSERT 0 1\x00"
"""PostgreSQL's message that an INSERT of one row is complete."""

KEEPS_AN_EVENT = b"INSERT INTO events"
ANY = b""


@dataclass
class _Seen:
    """What one connection has sent so far: the text of `after`, and that of `statement`."""

    after: bool = False
    statement: bool = False


class CommitProxy:
    """Forwards to PostgreSQL's socket, and kills `pid` once when it is armed.

    statement: the text to look for; ANY: every statement. A text is seen once per connection: later uses only name the
    prepared statement.
    after: nothing is killed before an INSERT of one row with this text is complete, on whichever connection; None: no
    such condition.
    before: True: kills Licet when it prepares the statement, which PostgreSQL then never gets. False: kills Licet
    before it receives the next commit message on a connection that uses the statement.
    """

    def __init__(
        self, dsn: str, *, statement: bytes = KEEPS_AN_EVENT, after: bytes | None = None, before: bool = False
    ) -> None:
        parts = urlsplit(dsn)
        (directory,) = parse_qs(parts.query)["host"]
        self._socket = str(next(Path(directory).glob(".s.PGSQL.*[0-9]")))
        self._database = parts.path
        self._user = parts.username
        self._statement = statement
        self._after = after
        self._before = before
        self.pid: int | None = None
        self.armed = False
        self.dsn = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["CommitProxy"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.dsn = f"postgresql://{self._user}@127.0.0.1:{port}{self._database}?sslmode=disable"
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, upstream_writer = await asyncio.open_unix_connection(self._socket)
        seen = _Seen()
        try:
            done, pending = await asyncio.wait(
                [
                    asyncio.create_task(self._to_server(reader, upstream_writer, seen)),
                    asyncio.create_task(self._to_licet(upstream, writer, seen)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in pending:
                task.cancel()
            await asyncio.gather(*done, *pending, return_exceptions=True)
        finally:
            for one in (writer, upstream_writer):
                one.close()

    async def _to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: "_Seen") -> None:
        while data := await reader.read(65536):
            if self._after is not None and self._after in data:
                seen.after = True
            if self._statement in data:
                seen.statement = True
                if self._before and self._kill():
                    return
            writer.write(data)
            await writer.drain()

    async def _to_licet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: "_Seen") -> None:
        while data := await reader.read(65536):
            if seen.after and INSERTED in data:
                self._after = None
            if not self._before and seen.statement and COMMITTED in data and self._kill():
                return
            writer.write(data)
            await writer.drain()

    def _kill(self) -> bool:
        if not self.armed or self.pid is None or self._after is not None:
            return False
        self.armed = False
        os.kill(self.pid, signal.SIGKILL)
        return True
