"""API keys: `<prefix>_<live|test>_<random>`. A key is shown once; only its hash is stored."""

import hashlib
import re
import secrets
import string
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet.accounts.core import Scope
from licet.accounts.store import ApiKeyRecord, find_key, insert_key
from licet.config import Settings
from licet.db.connection import Connection
from licet.kit.ids import new_id
from licet.startup_error import StartupError

_RANDOM_CHARACTERS = 40
"""Out of 62 characters: 238 random bits, so a plain SHA-256 is as safe as a slow hash."""
_ALPHABET = string.ascii_letters + string.digits
_KEY = re.compile(r"[a-z][a-z0-9]{0,15}_(live|test)_[A-Za-z0-9_-]{32,200}")


@dataclass(frozen=True)
class CreatedKey:
    """A new key. `key` is the secret itself, which cannot be shown later."""

    record: ApiKeyRecord
    key: str


def key_mode(settings: Settings) -> str:
    """`live` or `test`, the middle part of every key. Keys of the sandbox are test keys."""
    return "live" if settings.mode == "live" else "test"


def hash_key(key: str) -> bytes:
    """The hash that a key is stored and looked up by."""
    return hashlib.sha256(key.encode()).digest()


def find_key_mode(key: str) -> str | None:
    """`live` or `test`, as written in the key; None if the text does not have the format of a key."""
    match = _KEY.fullmatch(key)
    return match[1] if match else None


async def create_key(
    conn: Connection,
    settings: Settings,
    *,
    name: str,
    scopes: list[Scope],
    now: datetime,
    account_id: UUID | None = None,
    expires_at: datetime | None = None,
    key_id: UUID | None = None,
) -> CreatedKey:
    """Creates and stores a key. now: wall time.

    account_id: None for an operator's key, whose scopes must include `admin`. A key with an account must not have
    `admin` (the database refuses it). Raises asyncpg's ForeignKeyViolationError for an account that does not exist.
    """
    random = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    key = f"{settings.key_prefix}_{key_mode(settings)}_{random}"
    record = ApiKeyRecord(key_id or new_id(), account_id, name, scopes, now, expires_at, None, None)
    await insert_key(conn, record, hash_key(key))
    return CreatedKey(record, key)


async def store_operator_key(conn: Connection, settings: Settings, *, now: datetime) -> ApiKeyRecord:
    """Stores the operator key of `LICET_OPERATOR_KEY`, unless it exists. now: wall time.

    Several nodes may call it at once. Raises StartupError if the key was revoked, has expired or belongs to an account.
    """
    if settings.operator_key is None:
        raise ValueError("LICET_OPERATOR_KEY is not set")
    hashed = hash_key(settings.operator_key.get_secret_value())
    new = ApiKeyRecord(new_id(), None, "LICET_OPERATOR_KEY", ["admin"], now, None, None, None)
    await insert_key(conn, new, hashed)
    stored = await find_key(conn, hashed)
    if stored is None or stored.account_id is not None:
        raise StartupError("LICET_OPERATOR_KEY is the API key of an account. Set a key that belongs to no account.")
    if stored.revoked_at is not None or (stored.expires_at is not None and stored.expires_at <= now):
        raise StartupError("LICET_OPERATOR_KEY was revoked or has expired. Set another key.")
    return stored
