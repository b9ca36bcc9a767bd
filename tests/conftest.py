"""What every test may ask for: a database of its own, made cheaply from a migrated template."""

import asyncio
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
import structlog
import uvloop
from hypothesis import HealthCheck, settings

from licet.db.embedded import EmbeddedPostgres
from licet.db.migrate import migrate
from licet.db.pool import Pool, open_pool
from licet.kit.redact import redact_secrets

MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 4 * 1024**3

# No test fails over time: a busy machine says nothing about the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_configure() -> None:
    """Throw-away directories lie in memory where there is plenty: on disk, copying a database takes ten times as long.

    The programs that tests start are told, too.
    """
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ENOUGH_BYTES:
        if os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
            return
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests run in the event loop that `licet up` runs in."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    """One line each, redacted as in earnest: structlog's own default draws a box around every traceback."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            redact_secrets,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


TEMPLATE = "licet"
"""The database that the embedded server comes with; migrated once, then only ever copied."""


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL and how to name a database on it."""

    dsn: str

    def database(self, name: str) -> str:
        return self.dsn.replace("@/licet?", f"@/{name}?")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One embedded server for each test process; without fsync, in a directory that goes with it."""
    directory = Path(tempfile.mkdtemp(prefix="licet-test-"))
    embedded = EmbeddedPostgres(directory, durable=False)
    try:
        dsn = asyncio.run(embedded.start())
        asyncio.run(migrate(dsn))
        yield Server(dsn)
    finally:
        asyncio.run(embedded.stop())
        shutil.rmtree(directory)


_numbers = count(1)


@pytest_asyncio.fixture
async def database(server: Server) -> AsyncIterator[str]:
    """The DSN of a fresh, migrated, empty database; dropped afterwards."""
    name = f"test_{next(_numbers)}"
    admin = await asyncpg.connect(server.database("postgres"))
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
        yield server.database(name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest_asyncio.fixture
async def empty_database(server: Server) -> AsyncIterator[str]:
    """The DSN of a database with nothing in it."""
    name = f"empty_{next(_numbers)}"
    admin = await asyncpg.connect(server.database("postgres"))
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield server.database(name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest_asyncio.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """A pool over `database`."""
    pool = await open_pool(database, max_size=5)
    try:
        yield pool
    finally:
        await asyncio.wait_for(pool.close(), 5)
