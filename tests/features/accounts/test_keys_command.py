"""`licet keys create`, as it is typed by somebody who has no key any more."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest
from tests.factories.accounts import make_account
from tests.support.client import open_client
from tests.support.contexts import make_context
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running import environment, running
from tests.support.serving import serve
from typer.testing import CliRunner

from licet.accounts.keys import hash_key
from licet.app import create_app
from licet.cli.main import app
from licet.db.pool import Pool
from licet.kit.times import rfc3339, wall_now

LICET = str(Path(sys.executable).with_name("licet"))


def licet(*words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [LICET, "keys", *words],
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


async def test_an_operators_key_to_a_database_of_ones_own(database: str, pool: Pool) -> None:
    made = licet("create", LICET_DATABASE_URL=database)
    assert made.returncode == 0, made.stderr
    key = made.stdout.removesuffix("\n")
    assert key not in made.stderr
    assert "operator" in made.stderr
    assert await pool.fetchval("SELECT name FROM api_keys WHERE key_hash = $1", hash_key(key)) == "licet keys create"
    async with serve(create_app(make_context(pool))) as url, open_client(base_url=url) as client:
        assert (await client.get("/api/admin/api-keys", headers={"X-API-Key": key})).status_code == 200


async def test_an_accounts_key_as_json(database: str, pool: Pool) -> None:
    account = await make_account(make_context(pool), external_id="acme")
    until = rfc3339(wall_now() + timedelta(days=1))
    for named, scopes, expected in (
        ("acme", (), ["read", "write"]),
        (str(account), ("--scope", "read", "--expires-at", until), ["read"]),
    ):
        words = ("create", "--json", "--name", "CI", "--account", named, *scopes)
        made = licet(*words, LICET_DATABASE_URL=database)
        assert (made.returncode, made.stderr) == (0, "")
        said = json.loads(made.stdout)
        assert (said["name"], said["accountId"], said["scopes"]) == ("CI", str(account), expected)
        assert said["expiresAt"] == (until if scopes else None)
        assert (
            await pool.fetchval("SELECT account_id FROM api_keys WHERE key_hash = $1", hash_key(said["key"])) == account
        )


async def test_no_such_account(database: str, pool: Pool) -> None:
    found = licet("create", "--account", "nobody", LICET_DATABASE_URL=database)
    assert (found.returncode, found.stdout) == (1, "")
    assert "account" in found.stderr
    assert await pool.fetchval("SELECT count(*) FROM api_keys") == 0


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--scope", "root"), "--scope"),
        (("--scope", "read"), "--account"),
        (("--account", "acme", "--scope", "admin"), "--account"),
        (("--expires-at", "2020-01-01T00:00:00Z"), "--expires-at"),
        (("--expires-at", "tomorrow"), "--expires-at"),
        (("--name", ""), "--name"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_called_wrongly(words: tuple[str, ...], named: str) -> None:
    found = CliRunner().invoke(app, ["keys", "create", *words])
    assert (found.exit_code, found.stdout) == (2, "")
    assert named in found.stderr


async def test_a_database_that_cannot_be_used(database: str, tmp_path: Path) -> None:
    nothing = licet("create", "--data-dir", str(tmp_path / "nothing"))
    assert (nothing.returncode, nothing.stdout) == (3, "")
    assert "licet up" in nothing.stderr
    assert not (tmp_path / "nothing").exists()
    conn = await asyncpg.connect(database)
    await conn.execute("INSERT INTO installation (mode, created_at) VALUES ('test', now())")
    await conn.close()
    other_mode = licet("create", LICET_DATABASE_URL=database)
    assert (other_mode.returncode, other_mode.stdout) == (3, "")
    assert "test mode" in other_mode.stderr
    good = licet("create", LICET_DATABASE_URL=database, STRIPE_SECRET_KEY="sk_test_123")
    assert good.returncode == 0, good.stderr


def test_help_says_it() -> None:
    assert "keys" in subprocess.run([LICET, "--help"], capture_output=True, text=True, check=True).stdout
    said = licet("create", "--help")
    assert said.returncode == 0
    for option in ("--name", "--account", "--scope", "--expires-at", "--data-dir", "--json", "Exit codes"):
        assert option in said.stdout


def test_beside_a_running_licet_whose_key_was_lost(tmp_path: Path) -> None:
    with running(tmp_path / "data") as up:
        key = licet("create", "--data-dir", str(tmp_path / "data")).stdout.strip()
        headers = {"Authorization": f"Bearer {key}"}
        assert httpx.get(f"{up.url}/api/admin/api-keys", headers=headers, timeout=PATIENCE_SECONDS).status_code == 200
