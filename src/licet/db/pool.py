"""The pool of database connections and their settings."""

import json
from typing import TypeAlias

import asyncpg

Pool: TypeAlias = asyncpg.Pool


async def open_pool(dsn: str, *, min_size: int = 1, max_size: int = 10) -> Pool:
    """Opens a pool whose sessions use UTC and whose json and jsonb columns are Python values.

    Opens `min_size` connections before it returns. Raises asyncpg's errors if it cannot connect.
    """
    return await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        init=_set_json_codecs,
        server_settings={"timezone": "UTC", "application_name": "licet"},
    )


async def _set_json_codecs(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
