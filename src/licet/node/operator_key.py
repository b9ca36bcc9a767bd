"""The first key: without it nobody could make another."""

import secrets
from hashlib import sha256
from pathlib import Path

from licet.config import Settings
from licet.data_dir import write_private
from licet.db.connection import Connection
from licet.db.locks import lock
from licet.db.pool import Pool
from licet.kit.ids import new_id
from licet.kit.times import wall_now

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


async def first_operator_key(pool: Pool, settings: Settings, file: Path) -> str | None:
    """Sees to it that an operator can get in. Returns the key if it was just made; `file` keeps it, mode 0600.

    LICET_OPERATOR_KEY is taken as it is, and is never shown again.
    """
    async with pool.acquire() as connection, connection.transaction():
        await lock(connection, ["first operator key"])
        given = settings.operator_key
        if given is not None:
            known = await connection.fetchval(
                "SELECT true FROM api_keys WHERE key_hash = $1", _hash(given.get_secret_value())
            )
            if not known:
                await _keep(connection, "LICET_OPERATOR_KEY", given.get_secret_value())
            return None
        if await connection.fetchval("SELECT true FROM api_keys WHERE account_id IS NULL LIMIT 1"):
            return None
        made = _make(settings)
        # Before the commit: a crash in between leaves a key that does not work yet, never one that nobody knows.
        write_private(file, made)
        await _keep(connection, "first operator key", made)
        return made


def _make(settings: Settings) -> str:
    random = "".join(secrets.choice(_ALPHABET) for _ in range(43))
    return f"{settings.key_prefix}_{'live' if settings.mode == 'live' else 'test'}_{random}"


def _hash(key: str) -> bytes:
    return sha256(key.encode()).digest()


async def _keep(connection: Connection, name: str, key: str) -> None:
    await connection.execute(
        "INSERT INTO api_keys (id, name, scopes, key_hash, created_at) VALUES ($1, $2, $3, $4, $5)",
        new_id(),
        name,
        ["admin"],
        _hash(key),
        wall_now(),
    )
