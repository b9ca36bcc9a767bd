"""The whole story, told through a pipe into a directory that is kept: nothing there opens anything in the clear.

Then Licet goes on from there, and is called wrongly with secrets in every place: no error repeats one either.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running import Running, environment, running
from tests.support.signing import signed

from licet.db.embedded import EmbeddedPostgres

SHAPES = {
    "license key": re.compile(r"\b[A-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){4}\b", re.IGNORECASE),
    "API key": re.compile(r"\blic_(test|live)_[A-Za-z0-9_-]{32,}"),
    "webhook secret": re.compile(r"\bwhsec_[A-Za-z0-9]{8,}"),
    "client secret": re.compile(r"_secret_[A-Za-z0-9]{8,}"),
}
"""For what nobody wrote down: the keys that the story made for its customers."""
SESSION = re.compile(r"\bcs_(test|live)_[A-Za-z0-9]{8,}")
"""Who holds a checkout session's id may ask what became of it: rows need it, log lines do not."""


@pytest.fixture
def kept() -> Iterator[Path]:
    """A directory that does not exist yet."""
    place = Path(tempfile.mkdtemp(prefix="demo-"))
    place.chmod(0o711)
    yield place / "kept"
    shutil.rmtree(place)


def tell(kept: Path) -> str:
    """The story, through a pipe."""
    command = [str(Path(sys.executable).with_name("licet")), "demo", "--data-dir", str(kept)]
    patience = 3 * PATIENCE_SECONDS
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=patience, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


class Caller:
    """Somebody with the operator's key, who writes down every error."""

    def __init__(self, licet: Running, key: str) -> None:
        self.licet = licet
        self.errors: list[str] = []
        self._key = key

    def call(self, method: str, path: str, **given: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._key}", **given.pop("headers", {})}
        answer = httpx.request(method, self.licet.url + path, headers=headers, timeout=PATIENCE_SECONDS, **given)
        if answer.status_code >= 400:
            self.errors.append(f"{answer.headers} {answer.text}")
        return answer.json()

    def stripe(self, path: str) -> list[dict[str, Any]]:
        url = f"{self.licet.ready['sandboxUrl']}/v1/{path}?limit=100"
        answer = httpx.get(url, headers={"Authorization": "Bearer sk_test_x"}, timeout=PATIENCE_SECONDS)
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    def call_wrongly_with(self, secret: str) -> None:
        """In the path, the query, the body, the headers, and in an event that cannot be handled."""
        before = len(self.errors)
        self.call("GET", f"/api/licenses/{secret}")
        self.call("GET", f"/api/nothing/{secret}")
        self.call("GET", "/api/licenses", params={"status": secret, secret: "1"})
        self.call("POST", "/api/billing/checkout", json={"items": [{"productId": secret, secret: 1}]})
        self.call("POST", "/api/admin/accounts", content=f'{{"name": {secret}')
        self.call("GET", "/api/orders", headers={"Authorization": f"Bearer {secret}x"})
        self.call("POST", "/api/billing/webhooks", content=b"{}", headers={"Stripe-Signature": f"t=1,v1={secret}"})
        assert len(self.errors) == before + 7
        number = len(self.errors)
        broken = {"id": f"in_{number}", "object": "invoice", "lines": 7, "client_secret": secret}
        event = {"id": f"evt_{number}", "object": "event", "type": "invoice.paid", "data": {"object": broken}}
        raw = json.dumps(
            {**event, "created": 1_790_000_000, "livemode": False, "api_version": "2026-10-28.endive"}
        ).encode()
        signature = signed(raw, self.licet.ready["webhookSecret"], datetime.now(UTC))
        self.call("POST", "/api/billing/webhooks", content=raw, headers={"Stripe-Signature": signature})


async def dump(data_dir: Path) -> dict[str, str]:
    """Every table of the database as text, binary columns as what their bytes spell where they spell something."""
    server = EmbeddedPostgres(data_dir)
    connection = await asyncpg.connect(await server.start())
    try:
        tables = await connection.fetch(
            """
            SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
            WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
            """
        )
        await connection.execute("SET bytea_output = 'escape'")
        names = [table["name"] for table in tables]
        return {name: "\n".join(await rows(connection, name)) for name in names}
    finally:
        await connection.close()
        await server.stop()


async def rows(connection: "asyncpg.Connection[asyncpg.Record]", table: str) -> list[str]:
    return [row["row"] for row in await connection.fetch(f"SELECT t::text AS row FROM {table} AS t")]


def found_in(text: str, secrets: dict[str, str]) -> list[str]:
    """Which of the secrets a text holds, as they are or as bytes written in hex; and what merely looks like one."""
    lower = text.lower()
    exact = [name for name, secret in secrets.items() if secret.lower() in lower or secret.encode().hex() in lower]
    return exact + [f"{name}, by its looks" for name, shape in SHAPES.items() if shape.search(text)]


def test_the_search_finds_what_is_there() -> None:
    secrets = {"it": "Secret-1"}
    for text in ("a secret-1.", b"a Secret-1.".hex(), '{"a": "SECRET-1"}'):
        assert found_in(text, secrets) == ["it"]
    for text in ("shop-7k2m-9qxd-3vtn-9f3k", "lic_test_" + "k3y" * 12, "whsec_abcdefgh", "pi_1_secret_abcdefgh"):
        assert len(found_in(f'["{text}"]', secrets)) == 1, text
    assert found_in("SHOP-····-····-····-9F3K 01890c3e-7b5a-7c3e-8f00-0123456789ab sk_test_[redacted]", secrets) == []


async def test_the_whole_story_leaves_no_secret_in_the_clear(kept: Path) -> None:
    told = tell(kept)
    assert "\x1b" not in told
    assert "✗" not in told
    for number in range(1, 9):
        assert re.search(rf"^{number}\. \w", told, re.MULTILINE)
    assert re.search(r"✓ license   SHOP-····-····-····-\w{4}, suspended, paid until", told)
    assert "All 8 steps went as expected" in told
    assert f"licet up --data-dir {kept}" in told
    assert [line for line in told.splitlines() if line != line.rstrip()] == []
    assert [path.name for path in kept.parent.iterdir()] == ["kept"]

    operator_key = (kept / "operator.key").read_text().strip()
    with running(kept) as licet:
        caller = Caller(licet, operator_key)
        licenses = caller.call("GET", "/api/licenses")["data"]
        intents = caller.stripe("payment_intents")
        account = caller.call("GET", "/api/admin/accounts")["data"][0]["id"]
        wanted = {"name": "another", "scopes": ["read"], "accountId": account}
        secrets = {
            "operator key": operator_key,
            "API key": caller.call("POST", "/api/admin/api-keys", json=wanted)["key"],
            "encryption key": (kept / "secret.key").read_text().strip(),
            "webhook secret": licet.ready["webhookSecret"],
            **{f"license key {number}": license["key"] for number, license in enumerate(licenses)},
            **{f"client secret {number}": intent["client_secret"] for number, intent in enumerate(intents)},
        }
        assert {"license key 1", "client secret 1"} <= set(secrets)
        assert not caller.errors
        for name in ("API key", "license key 0", "client secret 0", "webhook secret"):
            caller.call_wrongly_with(secrets[name])
        assert licet.end() == 0

    texts = {
        "what it told": told,
        **{f"error {number}": error for number, error in enumerate(caller.errors)},
        **{path.name: path.read_text() for path in (kept / "licet.log", kept / "postgres.log")},
        "the log after it": (kept.parent / "stderr.log").read_text(),
        **await dump(kept),
    }
    assert licenses[0]["id"] in texts["public.licenses"]
    assert intents[0]["id"] in texts["public.events"]
    assert "evt_" in texts["public.events"]
    assert "failed" in texts["public.events"]
    for log in ("licet.log", "the log after it"):
        assert '"licet.http"' in texts[log]
        assert SESSION.search(texts[log]) is None
    assert {name: found for name, text in texts.items() if (found := found_in(text, secrets))} == {}
