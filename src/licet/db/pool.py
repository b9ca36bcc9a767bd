"""The pool of database connections, their settings and their time limits.

A database that hangs must not make its callers hang: every wait for it has a limit. The server ends a statement that
takes too long and a wait for a lock; where the server itself does not answer, the client ends the connection. The
server's limits are settings of the connection, so that no transaction needs a round trip to set them. Migrations use
connections of their own, without these limits.
"""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any, TypeAlias

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from licet.db.connection import CONNECT_TIMEOUT_SECONDS
from licet.db.unavailable import DATABASE_AWAY, ConnectionUnavailable

Pool: TypeAlias = asyncpg.Pool

log = structlog.get_logger(__name__)

ACQUIRE_TIMEOUT_SECONDS = 5.0
"""How long a caller waits for a free connection, including the time to open one. Beyond this the pool is used up by
calls that hang, and another caller in the queue helps nobody."""

LOCK_TIMEOUT_SECONDS = 5.0
"""How long a statement waits for a lock. Licet's own transactions last some hundredths of a second."""

STATEMENT_TIMEOUT_SECONDS = 10.0
"""How long a statement may take, beyond the slowest list of an operator over a million rows."""

COMMAND_TIMEOUT_SECONDS = 12.0
"""How long the client waits for an answer. Longer than the server's own limits, whose errors leave the connection
usable: a server that exceeds this does not answer at all."""

CLOSE_TIMEOUT_SECONDS = 0.3
"""How long connections may take to close as a process ends. Nothing is lost if they are cut off."""


class _LimitedConnection(asyncpg.Connection):
    """A connection that is closed if the server does not answer a statement in time.

    asyncpg would wait for the server to confirm that the statement was cancelled, and this server does not answer.
    """

    async def execute(self, query: str, *args: Any, **options: Any) -> Any:
        return await self._answered(super().execute(query, *args, **options))

    async def executemany(self, command: str, args: Any, **options: Any) -> None:
        await self._answered(super().executemany(command, args, **options))

    async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
        return await self._answered(super().fetch(query, *args, **options))

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        return await self._answered(super().fetchval(query, *args, **options))

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        return await self._answered(super().fetchrow(query, *args, **options))

    async def _answered(self, answer: Awaitable[Any]) -> Any:
        try:
            return await answer
        except TimeoutError:
            self.terminate()
            raise ConnectionUnavailable("the database did not answer in time") from None


class _LimitedPool(asyncpg.Pool):
    """A pool in which no caller waits longer than ACQUIRE_TIMEOUT_SECONDS for a connection."""

    def acquire(self, *, timeout: float | None = None) -> Any:
        return super().acquire(timeout=ACQUIRE_TIMEOUT_SECONDS if timeout is None else timeout)

    async def _acquire(self, timeout: float) -> Any:  # noqa: ASYNC109 - asyncpg's signature
        try:
            return await super()._acquire(timeout)  # type: ignore[misc]  # the stubs leave out what is private
        except TimeoutError:
            raise ConnectionUnavailable("no connection to the database was free in time") from None
        except OSError as error:
            raise ConnectionUnavailable(f"cannot connect to the database: {error}") from None

    async def release(self, connection: PoolConnectionProxy, **options: Any) -> None:
        try:
            await super().release(connection, **options)
        except DATABASE_AWAY as lost:
            # asyncpg has closed the connection. What the caller did on it is done, and its result holds.
            log.warning("connection_lost_on_release", error=type(lost).__name__)


async def open_pool(dsn: str, *, min_size: int = 1, max_size: int = 10) -> Pool:
    """Opens a pool whose sessions use UTC and whose json and jsonb columns are Python values.

    Opens `min_size` connections before it returns. Raises asyncpg's errors and OSError if it cannot connect. The
    connections of an open pool raise `ConnectionUnavailable` if the database cannot be reached.
    """
    pool = _LimitedPool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        max_queries=50_000,
        max_inactive_connection_lifetime=300.0,
        init=_set_json_codecs,
        connection_class=_LimitedConnection,
        record_class=asyncpg.Record,
        loop=None,
        # Of the first connections. Those that a caller waits for have `ACQUIRE_TIMEOUT_SECONDS`.
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        server_settings={
            "timezone": "UTC",
            "application_name": "licet",
            "lock_timeout": _milliseconds(LOCK_TIMEOUT_SECONDS),
            "statement_timeout": _milliseconds(STATEMENT_TIMEOUT_SECONDS),
        },
    )
    return await pool


async def close_pool(pool: Pool) -> None:
    """Closes the pool; its connections are cut off if the server does not answer in time."""
    try:
        await asyncio.wait_for(pool.close(), CLOSE_TIMEOUT_SECONDS)
    except TimeoutError:
        pool.terminate()


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


async def _set_json_codecs(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
