"""The type of a database connection in signatures, and connections outside the pool."""

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection = asyncpg.Connection | PoolConnectionProxy
"""A connection. It is in a transaction if the docstring of the function says so."""

CONNECT_TIMEOUT_SECONDS = 30.0
"""How long a server may take to accept a connection as a process starts. It may be starting too, or be very busy."""


async def connect_without_limits(dsn: str) -> asyncpg.Connection:
    """Opens a connection whose statements may take any time, also where the server's default is a limit."""
    return await asyncpg.connect(
        dsn, timeout=CONNECT_TIMEOUT_SECONDS, server_settings={"statement_timeout": "0", "lock_timeout": "0"}
    )
