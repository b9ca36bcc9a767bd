"""The embedded server: who runs it, who may connect, what it survives, and that it leaves modes alone."""

import asyncio
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from tests.support.running import as_user, end_database, modes

from licet.db import cluster, server_account
from licet.db.binaries import binaries
from licet.db.embedded import EmbeddedPostgres
from licet.db.postmaster import find_postmaster
from licet.startup_error import StartupError


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory of mode 0700, as under a home directory that nobody else may enter."""
    directory = Path(tempfile.mkdtemp(prefix="licet-place-"))
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    yield directory
    end_database(directory / "data")
    shutil.rmtree(directory)


@pytest_asyncio.fixture
async def started(place: Path) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(place / "data", durable=False)
    await server.start()
    yield server
    await server.stop()


async def ask(dsn: str, question: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def server_of(place: Path) -> int:
    found = find_postmaster(place / "data" / "postgres")
    assert found is not None
    assert found.running
    return found.pid


def owner_of(path: Path) -> int:
    return path.stat().st_uid


async def test_we_connect_as_an_owner_who_is_no_superuser(started: EmbeddedPostgres) -> None:
    assert await ask(started.dsn, "SELECT current_user") == "licet"
    assert await ask(started.dsn, "SELECT current_setting('is_superuser')") == "off"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(started.dsn, "SELECT pg_read_file('/etc/hostname')")


async def test_it_listens_on_a_private_socket_alone(started: EmbeddedPostgres, place: Path) -> None:
    assert await ask(started.dsn, "SHOW listen_addresses") == ""
    found = find_postmaster(place / "data" / "postgres")
    assert found is not None
    assert found.socket_dir == place / "data" / "run"
    assert stat.S_IMODE(found.socket_dir.stat().st_mode) == 0o700


async def test_psql_takes_the_dsn(started: EmbeddedPostgres) -> None:
    psql = await asyncio.create_subprocess_exec(
        binaries() / "psql", started.dsn, "-Atc", "SELECT current_user", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await psql.communicate()
    assert said.decode().strip() == "licet"


if os.geteuid() == 0:  # only root can become somebody else

    async def test_nobody_else_may_connect(started: EmbeddedPostgres, place: Path) -> None:
        """With every directory open, the kernel still says who knocks."""
        for path in (place, place / "data", place / "data" / "run"):
            path.chmod(0o755)
        (place / "data" / "run" / ".s.PGSQL.5432").chmod(0o777)
        words = [*as_user(65534), str(binaries() / "psql"), started.dsn, "-c", "SELECT 1"]
        knock = await asyncio.create_subprocess_exec(*words, env={"LC_ALL": "C"}, stderr=asyncio.subprocess.PIPE)
        _, said = await knock.communicate()
        assert knock.returncode != 0
        assert b"Peer authentication failed" in said

    async def test_the_server_does_not_run_as_root(started: EmbeddedPostgres, place: Path) -> None:
        assert owner_of(Path(f"/proc/{server_of(place)}")) != 0
        assert owner_of(place / "data" / "postgres") != 0

    async def test_what_blocks_the_servers_account_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A container's root often lacks the capability that would let the server pass."""
        monkeypatch.setattr(server_account, "_may_pass_on_dac_read_search", lambda: False)
        with pytest.raises(StartupError) as caught:
            await EmbeddedPostgres(place / "data", durable=False).start()
        # The outermost door in the way, which may be one above ours.
        named = [parent for parent in [place, *place.parents] if f" {parent} " in str(caught.value)]
        assert len(named) == 1
        assert "chmod o+x" in str(caught.value)
        assert not (place / "data" / "postgres").exists()


@pytest.mark.parametrize("mode", [0o700, 0o755])
async def test_no_existing_directory_changes_its_mode(place: Path, mode: int) -> None:
    data_dir = place / "inner" / "data"
    data_dir.mkdir(parents=True)
    data_dir.chmod(mode)
    before = modes(data_dir)
    server = EmbeddedPostgres(data_dir, durable=False)
    await server.start()
    assert await ask(server.dsn, "SELECT 1") == 1
    await server.stop()
    assert modes(data_dir) == before


@pytest.mark.parametrize("name", ["with blank, comma & 100%", "ünïcode", "long-" * 30])
async def test_any_path_will_do(place: Path, name: str) -> None:
    server = EmbeddedPostgres(place / name / "data", durable=False)
    await server.start()
    try:
        assert await ask(server.dsn, "SELECT 1") == 1
    finally:
        await server.stop()


async def test_data_survives_a_restart(place: Path) -> None:
    server = EmbeddedPostgres(place / "data")
    await server.start()
    await ask(server.dsn, "CREATE TABLE kept AS SELECT 7 AS n")
    await server.stop()
    assert find_postmaster(place / "data" / "postgres") is None
    again = EmbeddedPostgres(place / "data")
    await again.start()
    assert await ask(again.dsn, "SELECT n FROM kept") == 7
    await again.stop()


async def test_data_survives_the_servers_own_death(place: Path) -> None:
    server = EmbeddedPostgres(place / "data")
    await server.start()
    await ask(server.dsn, "CREATE TABLE kept AS SELECT 7 AS n")
    os.kill(server_of(place), signal.SIGKILL)
    again = EmbeddedPostgres(place / "data")
    await again.start()
    assert await ask(again.dsn, "SELECT n FROM kept") == 7
    await again.stop()
    await server.stop()


async def test_one_left_running_is_adopted(started: EmbeddedPostgres, place: Path) -> None:
    pid = server_of(place)
    adopter = EmbeddedPostgres(place / "data", durable=False)
    assert await adopter.start() == started.dsn
    assert server_of(place) == pid
    await adopter.stop()
    assert find_postmaster(place / "data" / "postgres") is None


async def test_one_on_its_way_down_is_waited_for(started: EmbeddedPostgres, place: Path) -> None:
    held = await asyncpg.connect(started.dsn)
    pid = server_of(place)
    os.kill(pid, signal.SIGTERM)  # "smart": it refuses newcomers until the last one has left
    adopter = EmbeddedPostgres(place / "data", durable=False)
    starting = asyncio.create_task(adopter.start())
    await asyncio.sleep(0.2)
    await held.close()
    assert await ask(await starting, "SELECT 1") == 1
    assert server_of(place) != pid
    await adopter.stop()


@pytest.mark.parametrize("content", ["{pid}\n/somewhere/else\n", "", "not a number\n"])
async def test_a_stale_pid_file_is_seen_through(place: Path, content: str) -> None:
    """After a reboot, or in a new container, the number in it is often somebody else's: here, ours."""
    server = EmbeddedPostgres(place / "data", durable=False)
    await server.start()
    await server.stop()
    (place / "data" / "postgres" / "postmaster.pid").write_text(content.format(pid=os.getpid()))
    await server.start()
    assert await ask(server.dsn, "SELECT 1") == 1
    await server.stop()


async def test_a_copied_directory_gets_a_server_of_its_own(started: EmbeddedPostgres, place: Path) -> None:
    copy = place / "copy"
    await ask(started.dsn, "CREATE TABLE kept AS SELECT 7 AS n")
    copying = await asyncio.create_subprocess_exec("cp", "-a", place / "data", copy)
    assert await copying.wait() == 0
    other = EmbeddedPostgres(copy, durable=False)
    dsn = await other.start()
    assert dsn != started.dsn
    await ask(dsn, "CREATE TABLE only_in_the_copy ()")
    assert await ask(started.dsn, "SELECT to_regclass('only_in_the_copy')") is None
    await other.stop()


async def test_a_half_made_database_is_never_taken_for_one(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_SETUP", "CREATE NONSENSE;\n")
    with pytest.raises(StartupError, match="could not create its database"):
        await EmbeddedPostgres(place / "data", durable=False).start()
    assert not [path for path in (place / "data").iterdir() if path.name.startswith("postgres")]


@pytest.mark.parametrize(
    ("version", "words"), [(None, "is not a PostgreSQL database"), ("16", "created by PostgreSQL 16")]
)
async def test_a_foreign_directory_is_refused(place: Path, version: str | None, words: str) -> None:
    there = place / "data" / "postgres"
    there.mkdir(parents=True)
    if version:
        (there / "PG_VERSION").write_text(version)
    with pytest.raises(StartupError, match=words):
        await EmbeddedPostgres(place / "data", durable=False).start()


async def test_what_the_server_said_is_told_when_it_does_not_start(place: Path) -> None:
    server = EmbeddedPostgres(place / "data", durable=False)
    await server.start()
    await server.stop()
    (place / "data" / "postgres" / "postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(StartupError, match="nonsense"):
        await server.start()
    await server.stop()


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
async def test_a_directory_that_others_may_write_is_refused(place: Path, mode: int) -> None:
    (place / "data").mkdir()
    (place / "data").chmod(mode)
    with pytest.raises(StartupError, match="Other users may write") as caught:
        await EmbeddedPostgres(place / "data", durable=False).start()
    assert f"chmod go-w {place / 'data'}" in str(caught.value)
    assert not list((place / "data").iterdir())


async def test_no_symbolic_link_is_followed(place: Path) -> None:
    """Names that somebody could foresee: a link there is replaced or left alone, and its target never written."""
    (place / "data").mkdir(mode=0o700)
    target = place / "target"
    target.write_text("theirs")
    for name in ("pg_hba.conf", "pg_ident.conf", "pg_hba.conf.new", "pg_ident.conf.new"):
        (place / "data" / name).symlink_to(target)
    server = EmbeddedPostgres(place / "data", durable=False)
    await server.start()
    assert await ask(server.dsn, "SELECT 1") == 1
    await server.stop()
    assert target.read_text() == "theirs"
    for name in ("pg_hba.conf", "pg_ident.conf"):
        assert not (place / "data" / name).is_symlink()
        assert stat.S_IMODE((place / "data" / name).stat().st_mode) == 0o644


async def test_what_an_interrupted_creation_left_is_removed(place: Path) -> None:
    left, busy = place / "data" / "postgres.new-0123abcd", place / "data" / "postgres.new-busy"
    elsewhere = place / "elsewhere"
    for directory in (left / "base", busy / "base", elsewhere):
        directory.mkdir(parents=True, mode=0o700)
    (place / "data").chmod(0o700)
    (place / "data" / "postgres.new-link").symlink_to(elsewhere)
    # A program of the interrupted creation still runs: it has inherited the lock.
    descriptor = os.open(busy, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    server = EmbeddedPostgres(place / "data", durable=False)
    try:
        await server.start()
        await server.stop()
        assert not left.exists()
        assert (busy / "base").exists()
        assert elsewhere.exists()
    finally:
        os.close(descriptor)
    await server.start()
    await server.stop()
    assert not busy.exists()


async def test_the_programs_that_create_it_hold_the_lock(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    run = subprocess.run

    def look(*given: Any, **options: Any) -> Any:
        if "pass_fds" in options:
            (directory,) = (place / "data").glob("postgres.new-*")
            holder = subprocess.Popen(["sleep", "600"], pass_fds=options["pass_fds"])
            try:
                cluster.remove_incomplete_clusters(place / "data" / "postgres")
                seen.append(directory.exists())
            finally:
                holder.kill()
                holder.wait()
        return run(*given, **options)

    monkeypatch.setattr(subprocess, "run", look)
    server = EmbeddedPostgres(place / "data", durable=False)
    await server.start()
    await server.stop()
    assert seen == [True, True]
