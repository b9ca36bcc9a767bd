"""Runs Alembic over asyncpg."""

from pathlib import Path

from alembic import command, op
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from licet.db.connection import connect_without_limits


async def upgrade(dsn: str, revision: str) -> None:
    """Runs the missing migrations up to `revision`. A migration that raises is rolled back.

    Raises asyncpg's errors.
    """
    engine = create_async_engine(
        "postgresql+asyncpg://",
        # asyncpg gets the DSN directly: a URL of SQLAlchemy cannot contain a socket's directory or several hosts.
        async_creator=lambda: connect_without_limits(dsn),
        poolclass=NullPool,
    )
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))

    def work(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    try:
        async with engine.connect() as connection:
            await connection.run_sync(work)
    except DBAPIError as error:
        # SQLAlchemy wraps the errors of Alembic's own statements twice.
        raise (error.orig.__cause__ if error.orig else None) or error from None
    finally:
        await engine.dispose()


def run_sql(migration_file: str) -> None:
    """Runs the `.sql` file of a migration in Alembic's transaction.

    migration_file: the migration's `__file__`.
    """
    script = Path(migration_file).with_suffix(".sql").read_text(encoding="utf-8")
    connection = op.get_bind()
    # SQLAlchemy begins its transaction with the first statement that it sends. The script bypasses SQLAlchemy, because
    # only asyncpg's own connection runs several statements at once.
    connection.execute(text("SELECT 1"))
    adapted = connection.connection.dbapi_connection
    adapted.run_async(lambda raw: raw.execute(script))  # type: ignore[union-attr]
