"""Connections, and how every one of them speaks to PostgreSQL."""

import json
from typing import TypeAlias

import asyncpg

Pool: TypeAlias = asyncpg.Pool


async def open_pool(dsn: str, *, min_size: int = 1, max_size: int = 10) -> Pool:
    """A pool in UTC whose json and jsonb columns are Python values.

    Opens `min_size` connections before it returns; raises what asyncpg raises where it cannot.
    """
    return await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        init=_speak_json,
        server_settings={"timezone": "UTC", "application_name": "licet"},
    )


async def _speak_json(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
