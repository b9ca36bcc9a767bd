"""Migrates a database to the schema of this version.

The migrations are SQL files beside `migrations/versions/NNNN_name.py`. Alembic runs them and stores the revision.
Importing Alembic takes over a second, so a start with a current database only compares the revisions.
"""

from pathlib import Path

import asyncpg

from licet.db.connection import Connection, connect_without_limits
from licet.db.startup import reporting_connection_errors, reporting_database_errors
from licet.startup_error import StartupError

_VERSIONS = Path(__file__).parent / "migrations" / "versions"
_LOCK = 0x6C69636574  # "licet": one migration at a time, even if several nodes start at once


def known_revisions() -> list[str]:
    """Every revision in order, the newest last. A revision has the name of its file."""
    return sorted(path.stem for path in _VERSIONS.glob("[0-9]*_*.py"))


def head() -> str:
    """The revision that this version of Licet needs."""
    return known_revisions()[-1]


async def schema_is_current(connection: Connection) -> bool:
    """True if the database is at `head`. Raises StartupError if a newer version of Licet has migrated it."""
    found = await _current(connection)
    if found is not None and found not in known_revisions():
        raise StartupError(
            f"The database is at schema {found!r}, which this version of Licet does not know (it has {head()!r}). "
            "Start the newer version that migrated it."
        )
    return found == head()


async def migrate_database(dsn: str) -> bool:
    """Migrates the database to `head`, each migration in its own transaction.

    Returns True if any was needed. Several nodes may call it at once: one migrates, the others wait for it. Raises
    StartupError if the database cannot be reached, and if a migration fails.
    """
    with reporting_connection_errors():
        connection = await connect_without_limits(dsn)
    try:
        with reporting_database_errors("migrate the database"):
            return await _migrate(connection, dsn)
    finally:
        await connection.close()


async def _migrate(connection: asyncpg.Connection, dsn: str) -> bool:
    if await schema_is_current(connection):
        return False
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    if await schema_is_current(connection):
        return False
    from licet.db.migrations.run import upgrade  # noqa: PLC0415 - imports Alembic

    await upgrade(dsn, head())
    return True


async def _current(connection: Connection) -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return found
