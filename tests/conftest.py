"""Fixtures of every test: above all a private database, copied from a migrated template."""

import asyncio
import gc
import logging
import os
import shutil
import tempfile
import warnings
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
from tests.support.depth import set_long
from tests.support.patience import PATIENCE_SECONDS, SANDBOX_LIMITS, raised_limits, raised_limits_of_licet

from licet.db.embedded import EmbeddedPostgres
from licet.db.migrate import migrate_database
from licet.db.pool import Pool, open_pool
from licet.kit.redact import redact_secrets
from licet_sandbox.validation import Violations
from licet_sandbox.validation.file import VARIABLE

MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 4 * 1024**3

# No test fails because it is slow: that depends on the machine, not on the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="search with all examples, not a few (make test-long)")


def pytest_configure(config: pytest.Config) -> None:
    """Puts temporary directories into memory if there is enough, for the programs under test too.

    On disk, copying a database takes ten times as long.
    """
    set_long(long=config.getoption("long"))
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ENOUGH_BYTES:
        if os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
            return
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


class Loop(uvloop.Loop):
    """A uvloop that reports its warnings about open resources after it has closed.

    uvloop warns while it closes. Raised there as an error, the warning would be lost, the resource would stay open, and
    the run would hang.
    """

    def close(self) -> None:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always", ResourceWarning)
            super().close()
        for warning in found:
            warnings.warn(str(warning.message), warning.category, stacklevel=2)


def pytest_collection_finish() -> None:
    """Excludes what is imported by now from every later garbage collection: a tenth of the run's CPU time."""
    gc.collect()
    gc.freeze()


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Makes tests run in the same event loop as `licet up`."""
    return {"uvloop": Loop}


@pytest.fixture(scope="session", autouse=True)
def _traffic() -> Iterator[None]:
    """Checks the traffic of every sandbox that has no checker of its own, also in started processes.

    The file is writable for everybody: some of these processes run as another user.
    """
    directory = Path(tempfile.mkdtemp(prefix="traffic-"))
    directory.chmod(0o711)
    file = directory / "violations"
    file.touch()
    file.chmod(0o666)
    os.environ[VARIABLE] = str(file)
    yield
    del os.environ[VARIABLE]
    found = file.read_text()
    shutil.rmtree(directory)
    if found:
        raise Violations(found)


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    """Logs redacted lines as in production. structlog's default draws a box around each traceback."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            redact_secrets,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


@pytest.fixture(scope="session")
def patient_licet() -> Iterator[None]:
    """Raises the time limits of Licet in this process, so that a slow machine fails no test."""
    with raised_limits_of_licet():
        yield


@pytest.fixture(scope="session", autouse=True)
def _patient_sandbox() -> Iterator[None]:
    """Raises the time limits of every sandbox in this process."""
    with raised_limits(SANDBOX_LIMITS):
        yield


TEMPLATE = "licet"
"""The embedded server's own database. It is migrated once, then only copied."""


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL."""

    dsn: str

    def database(self, name: str) -> str:
        return self.dsn.replace("@/licet?", f"@/{name}?")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One embedded server for each test process; without fsync, in a directory that is removed with it."""
    directory = Path(tempfile.mkdtemp(prefix="licet-test-"))
    embedded = EmbeddedPostgres(directory, durable=False)
    try:
        dsn = asyncio.run(embedded.start())
        asyncio.run(migrate_database(dsn))
        yield Server(dsn)
    finally:
        asyncio.run(embedded.stop())
        shutil.rmtree(directory)


_numbers = count(1)


@pytest_asyncio.fixture
async def database(server: Server, patient_licet: None) -> AsyncIterator[str]:
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
async def empty_database(server: Server, patient_licet: None) -> AsyncIterator[str]:
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
        await asyncio.wait_for(pool.close(), PATIENCE_SECONDS)
