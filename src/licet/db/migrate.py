"""Bringing a database to this version's schema.

The migrations are SQL files beside `migrations/versions/NNNN_name.py`; Alembic runs them and remembers how far it came.
Its import costs over a second, so a start over a current database only compares two words.
"""

from pathlib import Path

import asyncpg

from licet.db.connection import Connection
from licet.startup_error import StartupError

_VERSIONS = Path(__file__).parent / "migrations" / "versions"
_LOCK = 0x6C69636574  # "licet": one migration at a time, whatever the number of nodes that start


def known_revisions() -> list[str]:
    """Every revision in order, the newest last. A revision is named as its file is."""
    return sorted(path.stem for path in _VERSIONS.glob("[0-9]*_*.py"))


def head() -> str:
    """The revision that this version of Licet needs."""
    return known_revisions()[-1]


async def schema_is_current(connection: Connection) -> bool:
    """Whether the database is at `head`. Raises StartupError where a newer Licet has migrated it."""
    found = await _current(connection)
    if found is not None and found not in known_revisions():
        raise StartupError(
            f"The database is at schema {found!r}, which this version of Licet does not know (it has {head()!r}). "
            "Start the newer version that migrated it."
        )
    return found == head()


async def migrate(dsn: str) -> bool:
    """Brings the database to `head`, each migration in a transaction of its own. True if there was something to do.

    Any number of nodes may call it at once: one works, the others wait and find it done.
    """
    connection = await asyncpg.connect(dsn)
    try:
        if await schema_is_current(connection):
            return False
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        if await schema_is_current(connection):
            return False
        from licet.db.migrations.run import upgrade  # noqa: PLC0415 - imports Alembic

        await upgrade(dsn, head())
        return True
    finally:
        await connection.close()


async def _current(connection: Connection) -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return found
