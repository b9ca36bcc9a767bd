"""API keys: `<prefix>_<live|test>_<random>`, shown once, of which only a hash is kept."""

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
"""Of 62: 238 random bits, so a plain SHA-256 is as good as a slow hash would be."""
_ALPHABET = string.ascii_letters + string.digits
_KEY = re.compile(r"[a-z][a-z0-9]{0,15}_(live|test)_[A-Za-z0-9_-]{32,200}")


@dataclass(frozen=True)
class MadeKey:
    """A key as it was made. `key` is the secret itself: show it now, for nobody can later."""

    record: ApiKeyRecord
    key: str


def word_of_mode(settings: Settings) -> str:
    """`live` or `test`: what stands in the middle of every key. What is made in the sandbox is test."""
    return "live" if settings.mode == "live" else "test"


def hash_of(key: str) -> bytes:
    """What a key is looked up by."""
    return hashlib.sha256(key.encode()).digest()


def mode_of(key: str) -> str | None:
    """`live` or `test` as the key says; None where it is none of ours by its looks."""
    found = _KEY.fullmatch(key)
    return found[1] if found else None


async def make_key(
    conn: Connection,
    settings: Settings,
    *,
    name: str,
    scopes: list[Scope],
    now: datetime,
    account_id: UUID | None = None,
    expires_at: datetime | None = None,
    key_id: UUID | None = None,
) -> MadeKey:
    """Makes and stores a key. now: wall time.

    account_id: None for an operator's key, whose scopes hold `admin`; with an account they must not (the database
    refuses). Raises asyncpg's ForeignKeyViolationError for an account that is not there.
    """
    random = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    key = f"{settings.key_prefix}_{word_of_mode(settings)}_{random}"
    record = ApiKeyRecord(key_id or new_id(), account_id, name, scopes, now, expires_at, None, None)
    await insert_key(conn, record, hash_of(key))
    return MadeKey(record, key)


async def adopt_operator_key(conn: Connection, settings: Settings, *, now: datetime) -> ApiKeyRecord:
    """Stores the operator key that `LICET_OPERATOR_KEY` holds, unless it is there already. now: wall time.

    Any number of nodes may call it at once. Raises StartupError where the key was revoked, or is an account's.
    """
    if settings.operator_key is None:
        raise ValueError("there is no LICET_OPERATOR_KEY to adopt")
    hashed = hash_of(settings.operator_key.get_secret_value())
    new = ApiKeyRecord(new_id(), None, "LICET_OPERATOR_KEY", ["admin"], now, None, None, None)
    await insert_key(conn, new, hashed)
    stored = await find_key(conn, hashed)
    if stored is None or stored.account_id is not None:
        raise StartupError(
            "LICET_OPERATOR_KEY is an account's API key. Set another: an operator's belongs to no account."
        )
    if stored.revoked_at is not None or (stored.expires_at is not None and stored.expires_at <= now):
        raise StartupError("LICET_OPERATOR_KEY was revoked or has expired. Set another key.")
    return stored
