"""A database that a command cannot use: one line on stderr that says why, and exit code 3."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running import environment

PASSWORD = "pass-word-of-nobody"
COMMANDS = (["migrate"], ["migrate", "--json"], ["keys", "create"], ["up", "--port", "0", "--sandbox-port", "0"])


def said_by(arguments: list[str], url: str, place: Path) -> str:
    """The only line that a refused command writes."""
    licet = Path(sys.executable).with_name("licet")
    done = subprocess.run(
        [str(licet), *arguments],
        env=environment(LICET_DATABASE_URL=url, LICET_DATA_DIR=str(place / "data")),
        cwd=place,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("licet: ")
    assert PASSWORD not in line
    return line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("@/", "@/not_there_"), "does not exist"),
        (("//licet@", f"//nobody:{PASSWORD}@"), "authentication failed"),
        (("?", "?connect_timeout=1&"), "connect_timeout"),
        (("?", "?sslmode=sideways&"), "sslmode"),
        (("?host=", "?host=/nowhere"), "No such file"),
    ],
    ids=["database", "password", "parameter", "sslmode", "socket"],
)
def test_it_cannot_be_reached(empty_database: str, tmp_path: Path, change: tuple[str, str], words: str) -> None:
    assert words in said_by(["migrate"], empty_database.replace(*change), tmp_path)


@pytest.mark.parametrize("arguments", COMMANDS[1:], ids=" ".join)
def test_every_command_says_so(empty_database: str, tmp_path: Path, arguments: list[str]) -> None:
    url = empty_database.replace("//licet@", f"//nobody:{PASSWORD}@")
    assert "authentication failed" in said_by(arguments, url, tmp_path)


@pytest.mark.parametrize("arguments", [["migrate"], ["keys", "create"]], ids=" ".join)
@pytest.mark.parametrize(
    "url",
    [f"postgresql://licet:{PASSWORD}/x@localhost/licet", f"postgresql://licet:{PASSWORD}@[localhost/licet"],
    ids=["slash", "bracket"],
)
def test_a_malformed_url_is_not_quoted(tmp_path: Path, arguments: list[str], url: str) -> None:
    assert "LICET_DATABASE_URL" in said_by(arguments, url, tmp_path)


def test_tls_is_refused(tmp_path: Path, server_port: int) -> None:
    url = f"postgresql://licet:{PASSWORD}@127.0.0.1:{server_port}/licet?sslmode=require"
    assert "Cannot connect to the database" in said_by(["migrate"], url, tmp_path)


@pytest.fixture
def server_port() -> Iterator[int]:
    """A port on which something answers as PostgreSQL without TLS does."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(8)
                connection.sendall(b"N")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(PATIENCE_SECONDS)


@pytest.mark.parametrize("arguments", COMMANDS[:2], ids=" ".join)
async def test_a_migration_that_is_not_allowed(empty_database: str, tmp_path: Path, arguments: list[str]) -> None:
    connection = await asyncpg.connect(empty_database)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {quote(name)} SET default_transaction_read_only = on")
    await connection.close()
    line = said_by(arguments, empty_database, tmp_path)
    assert "Cannot migrate the database" in line
    assert "read-only transaction" in line


async def test_a_migration_has_no_time_limit(empty_database: str, tmp_path: Path) -> None:
    """Also where the server has one for all its sessions."""
    connection = await asyncpg.connect(empty_database)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {quote(name)} SET statement_timeout = '1ms'")
    await connection.close()
    licet = Path(sys.executable).with_name("licet")
    done = await asyncio.to_thread(
        subprocess.run,
        [str(licet), "migrate"],
        env=environment(LICET_DATABASE_URL=empty_database),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Migrated to ")
