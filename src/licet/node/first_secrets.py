"""The first key: without it nobody could make another."""

import base64
import secrets
from pathlib import Path

from licet.accounts.keys import create_key, store_operator_key
from licet.config import Settings
from licet.data_dir import read_private, write_private
from licet.db.locks import lock
from licet.db.pool import Pool
from licet.kit.times import wall_now
from licet.startup_error import StartupError


async def first_operator_key(pool: Pool, settings: Settings, file: Path) -> str | None:
    """Sees to it that an operator can get in. Returns the key if it was just made; `file` keeps it, mode 0600.

    LICET_OPERATOR_KEY is taken as it is, and is never shown again. Raises StartupError where it was revoked.
    """
    async with pool.acquire() as connection, connection.transaction():
        # Of two nodes that start on one empty database, one makes it.
        await lock(connection, ["first operator key"])
        if settings.operator_key is not None:
            await store_operator_key(connection, settings, now=wall_now())
            return None
        if await connection.fetchval("SELECT true FROM api_keys WHERE account_id IS NULL LIMIT 1"):
            return None
        made = await create_key(connection, settings, name="first operator key", scopes=["admin"], now=wall_now())
        # Before the commit: a crash in between leaves a file whose key does not work, never a key that nobody knows.
        write_private(file, made.key)
        return made.key


def encryption_keys(settings: Settings, *, empty_database: bool) -> list[str]:
    """LICET_SECRET_KEYS; else the one in `DATA_DIR/secret.key`, made for a database that holds nothing yet.

    Raises StartupError where the database is filled and its key is gone: a new one could read nothing of it.
    """
    if settings.secret_keys:
        return [key.get_secret_value() for key in settings.secret_keys]
    path = settings.data_dir / "secret.key"
    kept = read_private(path)
    if kept:
        return [kept]
    if not empty_database:
        raise StartupError(
            f"The database holds what was encrypted with a key that is missing: {path} is not there. "
            "Put it back, or set LICET_SECRET_KEYS to the key that was in it."
        )
    made = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    write_private(path, made)
    return [made]
