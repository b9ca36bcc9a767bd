"""Alembic, driven over asyncpg."""

from pathlib import Path

import asyncpg
from alembic import command, op
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


async def upgrade(dsn: str, revision: str) -> None:
    """Runs what is missing up to `revision`. A failure raises, and the migration that failed leaves nothing behind."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        # The DSN goes to asyncpg as it is: SQLAlchemy's own URLs cannot carry a socket's directory or several hosts.
        async_creator=lambda: asyncpg.connect(dsn),
        poolclass=NullPool,
    )
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))

    def work(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with engine.connect() as connection:
        await connection.run_sync(work)
    await engine.dispose()


def run_sql(beside: str) -> None:
    """Runs the `.sql` file that stands beside the migration `beside` (its `__file__`), in Alembic's transaction."""
    script = Path(beside).with_suffix(".sql").read_text(encoding="utf-8")
    connection = op.get_bind()
    # SQLAlchemy opens its transaction with the first statement that it sends itself; the script goes past it, because
    # asyncpg runs several statements at once only on its own connection.
    connection.execute(text("SELECT 1"))
    adapted = connection.connection.dbapi_connection
    adapted.run_async(lambda raw: raw.execute(script))  # type: ignore[union-attr]
