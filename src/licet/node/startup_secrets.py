"""The secrets of the first start: the operator's API key and the encryption keys."""

import base64
import secrets
from pathlib import Path

from licet.accounts.keys import create_key, store_operator_key
from licet.config import Settings
from licet.data_dir import read_private, write_private
from licet.db.locks import lock
from licet.db.pool import Pool
from licet.kit.times import wall_now
from licet.node.store import operator_key_exists
from licet.startup_error import StartupError


async def first_operator_key(pool: Pool, settings: Settings, file: Path) -> str | None:
    """Makes the first operator key unless one exists. Returns it if it was made, and writes it to `file`.

    The file has mode 0600. LICET_OPERATOR_KEY is used instead if set, and is not returned. Raises StartupError if that
    key was revoked.
    """
    async with pool.acquire() as connection, connection.transaction():
        # If two nodes start on one empty database, only one makes the key.
        await lock(connection, ["first operator key"])
        if settings.operator_key is not None:
            await store_operator_key(connection, settings, now=wall_now())
            return None
        if await operator_key_exists(connection):
            return None
        made = await create_key(connection, settings, name="first operator key", scopes=["admin"], now=wall_now())
        # Written before the commit: a crash in between leaves a file with an invalid key, not a key that is lost.
        write_private(file, made.key)
        return made.key


def encryption_keys(settings: Settings, *, empty_database: bool) -> list[str]:
    """LICET_SECRET_KEYS, else the key in `DATA_DIR/secret.key`, which is made for an empty database.

    Raises StartupError if the database is not empty and its key is missing: a new key could not decrypt its data.
    """
    if settings.secret_keys:
        return [key.get_secret_value() for key in settings.secret_keys]
    path = settings.data_dir / "secret.key"
    kept = read_private(path)
    if kept:
        return [kept]
    if not empty_database:
        raise StartupError(
            f"The database's encryption key is missing: {path} does not exist. "
            "Restore the file, or set LICET_SECRET_KEYS to the key that it contained."
        )
    made = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    write_private(path, made)
    return [made]
