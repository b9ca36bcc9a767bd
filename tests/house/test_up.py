"""`licet up`, as a user meets it: what it says, what it refuses, how it ends and what it survives."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import asyncpg
import httpx
import pytest
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running import (
    ANY_PORTS,
    Running,
    as_user,
    command,
    database_process,
    end_database,
    environment,
    modes,
    refused,
    running,
    start,
)

from licet.cli.up import print_addresses
from licet.config import read_settings
from licet.node.addresses import Addresses

SOMEBODY = 12345
"""A user id of no name but the one that the test gives it."""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory that does not exist yet, below one of mode 0700."""
    place = Path(tempfile.mkdtemp(prefix="licet-up-"))
    yield place / "data"
    end_database(place / "data")
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def lived_once() -> Iterator[Path]:
    """The place of a data directory that a first start filled, to be copied: making one takes most of a test's time."""
    place = Path(tempfile.mkdtemp(prefix="licet-lived-"))
    with running(place / "data") as licet:
        assert licet.end() == 0
    yield place / "data"
    shutil.rmtree(place)


@pytest.fixture
def filled(lived_once: Path, data_dir: Path) -> Path:
    """A data directory that Licet has run on before."""
    subprocess.run(["cp", "-a", str(lived_once), str(data_dir)], check=True)
    return data_dir


def ask_as_operator(licet: Running, key: str) -> int:
    """The status of what only an operator may ask."""
    url = f"{licet.url}/api/admin/accounts"
    return httpx.get(url, headers={"X-API-Key": key}, timeout=PATIENCE_SECONDS).status_code


async def ask(dsn: str, question: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_its_life(data_dir: Path) -> None:
    """First start, restart, death by the kernel, adoption: one story, since each chapter needs the one before."""
    before = modes(data_dir.parent)
    with running(data_dir) as licet:
        assert sorted(licet.ready) == ["databaseUrl", "operatorKey", "sandboxUrl", "url", "webhookSecret"]
        assert licet.get("/healthz").status_code == 200
        assert licet.get("/readyz").status_code == 200
        assert await ask(licet.ready["databaseUrl"], "SELECT mode FROM installation") == "sandbox"
        key = licet.ready["operatorKey"]
        assert key.startswith("lic_test_")
        assert (data_dir / "operator.key").read_text().strip() == key
        assert licet.ready["webhookSecret"].startswith("whsec_")
        assert ask_as_operator(licet, key) == 200
        for name in ("operator.key", "secret.key", "sandbox.db", "sandbox-webhook.json", "lock", "postgres.log"):
            assert mode_of(data_dir / name) == 0o600, name
        assert database_process(data_dir) is not None
        began = time.monotonic()
        assert licet.end() == 0
        assert time.monotonic() - began < PATIENCE_SECONDS
        assert database_process(data_dir) is None
        assert licet.process.stdout is not None
        assert licet.process.stdout.read() == ""

    with running(data_dir) as licet:
        assert "operatorKey" not in licet.ready
        assert ask_as_operator(licet, key) == 200
        left = database_process(data_dir)
        assert licet.end(signal.SIGKILL) == -signal.SIGKILL
        assert database_process(data_dir) == left

        with running(data_dir) as adopter:
            assert database_process(data_dir) == left
            assert adopter.get("/readyz").status_code == 200
            assert adopter.end(signal.SIGINT) == 0
        assert database_process(data_dir) is None
    assert modes(data_dir.parent) == before
    assert "error" not in (data_dir.parent / "stderr.log").read_text()


@pytest.mark.parametrize("option", ["--port", "--sandbox-port"])
def test_a_taken_port_is_said_before_anything_starts(data_dir: Path, option: str) -> None:
    other = {"--port": "--sandbox-port", "--sandbox-port": "--port"}[option]
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        said = refused(data_dir, option, str(port), other, "0")
    assert f"Port {port} on 127.0.0.1 is already in use" in said
    assert option in said
    assert not (data_dir / "postgres").exists()


def test_while_it_runs_and_as_it_ends(filled: Path) -> None:
    """A second one on the same directory is refused, and a request under way is answered before the first one ends."""
    with running(filled) as licet:
        said = refused(filled, *ANY_PORTS)
        assert f"already runs on the data directory {filled} (process {licet.process.pid})" in said
        assert licet.get("/readyz").status_code == 200
        assert licet.get("/api/nothing-here").status_code == 404

        address = urlsplit(licet.url)
        with socket.create_connection((str(address.hostname), int(address.port or 0)), PATIENCE_SECONDS) as client:
            client.sendall(
                b"POST /api/billing/webhooks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Stripe-Signature: t=1,v1=00\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
            )
            # It is said as the body is waited for: the request is under way.
            assert client.recv(65536).startswith(b"HTTP/1.1 100")
            client.sendall(b"{")
            licet.process.send_signal(signal.SIGTERM)
            wait_until_nobody_listens(address)
            assert licet.process.poll() is None
            client.sendall(b"}")
            answer = client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 401")
        assert licet.process.wait(PATIENCE_SECONDS) == 0

    lines = (filled.parent / "stderr.log").read_text().splitlines()
    assert lines
    assert all(json.loads(line)["level"] for line in lines)


def wait_until_nobody_listens(address: SplitResult) -> None:
    """It stops: no new connection is taken."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection((str(address.hostname), int(address.port or 0)), PATIENCE_SECONDS).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.01)
    raise AssertionError("it goes on listening")


@pytest.mark.parametrize("after_seconds", [0.05, 0.8])
def test_told_to_stop_while_it_starts_it_leaves_nothing_running(data_dir: Path, after_seconds: float) -> None:
    process = subprocess.Popen(
        command(data_dir, *ANY_PORTS),
        env=environment(),
        cwd=data_dir.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (data_dir / "lock").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(after_seconds)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode in (0, -signal.SIGTERM), said
    assert b"Traceback" not in said
    assert database_process(data_dir) is None


def test_another_mode_is_refused(filled: Path) -> None:
    said = refused(filled, *ANY_PORTS, env=environment(STRIPE_SECRET_KEY="sk_test_other123"))
    assert "was filled in the built-in sandbox" in said
    assert "sk_test_other123" not in said
    assert database_process(filled) is None


def test_a_lost_encryption_key_is_not_replaced(filled: Path) -> None:
    (filled / "secret.key").unlink()
    assert "LICET_SECRET_KEYS" in refused(filled, *ANY_PORTS)
    assert not (filled / "secret.key").exists()


def test_the_operators_own_key_is_taken_and_never_shown(filled: Path) -> None:
    key = "lic_test_" + "k3y" * 12
    with running(filled, env=environment(LICET_OPERATOR_KEY=key)) as licet:
        assert "operatorKey" not in licet.ready
        assert ask_as_operator(licet, key) == 200
    assert key not in (filled.parent / "stderr.log").read_text()


def test_without_a_terminal_only_the_keys_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    addresses = Addresses(url="http://127.0.0.1:1", sandbox_url="http://127.0.0.1:2", operator_key="lic_test_k3y")
    print_addresses(addresses, read_settings(data_dir=tmp_path))
    said = capsys.readouterr().out
    assert "lic_test_k3y" not in said
    assert str(tmp_path / "operator.key") in said
    assert "http://127.0.0.1:1" in said
    assert "http://127.0.0.1:2" in said


async def test_on_a_database_of_ones_own(data_dir: Path, database: str) -> None:
    with running(data_dir, env=environment(LICET_DATABASE_URL=database)) as licet:
        assert "databaseUrl" not in licet.ready
        assert licet.get("/readyz").status_code == 200
        assert not (data_dir / "postgres").exists()
        assert await ask(database, "SELECT mode FROM installation") == "sandbox"


def test_a_database_out_of_reach_is_said_without_its_password(data_dir: Path) -> None:
    url = "postgresql://me:hunter2@127.0.0.1:9/nowhere"
    said = refused(data_dir, *ANY_PORTS, env=environment(LICET_DATABASE_URL=url))
    assert "LICET_DATABASE_URL" in said
    assert "hunter2" not in said


def test_with_a_stripe_key_there_is_no_sandbox_and_stripe_may_be_out_of_reach(data_dir: Path, database: str) -> None:
    given = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    given |= {"STRIPE_SECRET_KEY": "sk_test_abc123", "LICET_DATABASE_URL": database}
    with running(data_dir, env=environment(**given)) as licet:
        assert sorted(licet.ready) == ["operatorKey", "url"]
        assert licet.get("/healthz").status_code == 200
        assert not (data_dir / "sandbox.db").exists()
    log = (data_dir.parent / "stderr.log").read_text()
    assert "stripe_account_not_checked" in log
    assert "sk_test_abc123" not in log


if os.geteuid() == 0:  # the other half of "as root and as an ordinary user"; who is not root tests it with all the rest

    def test_as_an_ordinary_user(data_dir: Path, tmp_path: Path) -> None:
        """In a 0700 directory of theirs."""
        name = "licet-test-user"
        subprocess.run(["useradd", "--uid", str(SOMEBODY), "--no-create-home", name], check=False, capture_output=True)
        os.chown(data_dir.parent, SOMEBODY, SOMEBODY)
        before = modes(data_dir.parent)
        licet = start(
            command(data_dir, *ANY_PORTS, before=as_user(SOMEBODY)), data_dir.parent, environment(HOME="/nonexistent")
        )
        try:
            assert licet.get("/readyz").status_code == 200
            server = database_process(data_dir)
            assert Path(f"/proc/{server}").stat().st_uid == SOMEBODY
            assert licet.end() == 0
        finally:
            assert licet.process.stdout is not None
            licet.process.stdout.close()
        assert modes(data_dir.parent) == before
        assert mode_of(data_dir) == 0o700

        # What they made, root may run too: the directory's owner stays who runs the server.
        with running(data_dir) as licet:
            assert Path(f"/proc/{database_process(data_dir)}").stat().st_uid == SOMEBODY
