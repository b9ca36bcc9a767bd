"""The file: what a sandbox knows outlives it, however it ends."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import stripe
from tests.sandbox.conftest import KEY
from tests.sandbox.play import DAY, Play, Receiver
from tests.support.client import open_client
from tests.support.patience import PATIENCE_SECONDS

from licet_sandbox import Sandbox
from licet_sandbox.__main__ import main
from licet_sandbox.state.versions import FileRefused

if TYPE_CHECKING:
    from pathlib import Path

    from licet_sandbox.serving import Running
    from licet_sandbox.validation import Checker


def play_with(running: Running[Sandbox], transport: Any, http: httpx.AsyncClient) -> Play:
    client = stripe.StripeClient(KEY, base_addresses={"api": running.url}, http_client=transport)
    return Play(running.sandbox, running.url, client.v1, http)


async def test_goes_on_where_it_stopped(tmp_path: Path, checker: Checker, transport: Any, receiver: Receiver) -> None:
    path = tmp_path / "sandbox.db"
    running = await Sandbox(path, validate=checker).serve()
    async with open_client(base_url=running.url) as http:
        play = play_with(running, transport, http)
        endpoint = await play.endpoint(receiver)
        account = (await play.api.accounts.retrieve_current_async()).id
        subscription = await play.subscribe()
        await play.advance(10 * DAY)
        before = running.sandbox.now()
    began = asyncio.get_running_loop().time()
    await running.stop()
    assert asyncio.get_running_loop().time() - began < 1.5
    for file in tmp_path.iterdir():  # noqa: ASYNC240  # Nothing else runs meanwhile.
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert endpoint.secret.encode() not in file.read_bytes()
        assert b"4242424242424242" not in file.read_bytes()
    running = await Sandbox(path, validate=checker).serve()
    async with open_client(base_url=running.url) as http:
        play = play_with(running, transport, http)
        assert (running.sandbox.now() - before).total_seconds() < 60
        assert (await play.api.accounts.retrieve_current_async()).id == account
        seen = len(receiver.bodies)
        await play.advance(22 * DAY)
        # The endpoint's secret is still the same: the receiver checked the signatures.
        assert len(receiver.bodies) - seen == 11  # The week before is announced too.
        after = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
        assert after.latest_invoice.billing_reason == "subscription_cycle"
    await running.stop()


async def test_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    running = await Sandbox(path).serve()
    with pytest.raises(Exception, match="locked"):
        await Sandbox(path).serve()
    await running.stop()


async def test_not_beyond_this_machine() -> None:
    with pytest.raises(PermissionError):
        await Sandbox().serve("0.0.0.0")


@pytest.mark.parametrize("seed", [b"", b"x" * 31])
async def test_no_secrets_from_half_a_seed(tmp_path: Path, seed: bytes) -> None:
    path = tmp_path / "sandbox.db"
    (tmp_path / "sandbox.db.seed").write_bytes(seed)
    with pytest.raises(FileRefused, match="damaged"):
        await Sandbox(path).serve()
    (tmp_path / "sandbox.db.seed").unlink()
    # The file itself was let go of.
    await (await Sandbox(path).serve()).stop()
    assert len((tmp_path / "sandbox.db.seed").read_bytes()) == 32


async def test_killed_while_the_seed_is_written(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    (tmp_path / "sandbox.db.seed.new").write_bytes(b"")
    await (await Sandbox(path).serve()).stop()
    assert {file.name for file in tmp_path.iterdir()} == {"sandbox.db", "sandbox.db.seed"}  # noqa: ASYNC240


async def test_goes_on_when_the_disk_can_be_written_again(
    play: Play, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """What fails in the background meanwhile is tried again: deliveries, and what falls due."""
    db = play.sandbox._engine.store._db

    async def no_more_writing(_: object) -> None:
        db.execute("PRAGMA query_only = ON")

    await play.endpoint(receiver)
    receiver.hook, receiver.answers = no_more_writing, [500]
    await play.api.products.create_async({"name": "T"})
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "background task" not in caplog.text:  # noqa: ASYNC110  # The log tells nobody.
            await asyncio.sleep(0.01)
    with pytest.raises(stripe.APIError):
        await play.api.products.create_async({"name": "U"})
    receiver.hook = None
    db.execute("PRAGMA query_only = OFF")
    await receiver.until(2)
    await play.api.products.create_async({"name": "V"})
    await receiver.until(3)
    assert [body["data"]["object"]["name"] for body in receiver.bodies][-1] == "V"


class Alone:
    """`python -m licet_sandbox` in a process of its own."""

    def __init__(self, path: Path, *more: str) -> None:
        command = [sys.executable, "-m", "licet_sandbox", "--port", "0", "--db", str(path), *more]
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("STRIPE", "LICET"))}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean)

    async def url(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.to_thread(self.process.stdout.readline)).strip()

    async def end(self, *, kill: bool) -> int:
        (self.process.kill if kill else self.process.terminate)()
        code = await asyncio.to_thread(self.process.wait, 5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


async def test_killed_with_deliveries_in_the_queue(tmp_path: Path, transport: Any, receiver: Receiver) -> None:
    path = tmp_path / "sandbox.db"
    hung = asyncio.Event()

    async def hang(_: object) -> None:
        await hung.wait()

    alone = Alone(path)
    url = await alone.url()
    client = stripe.StripeClient(KEY, base_addresses={"api": url}, http_client=transport)
    receiver.endpoint = await client.v1.webhook_endpoints.create_async({"url": receiver.url, "enabled_events": ["*"]})
    receiver.hook = hang
    made = [(await client.v1.products.create_async({"name": str(at)})).id for at in range(8)]
    await receiver.until(4)
    await alone.end(kill=True)
    receiver.hook = None
    hung.set()
    receiver.bodies.clear()
    alone = Alone(path)
    url = await alone.url()
    # Not one of them was answered, so all eight come (again).
    await receiver.until(8)
    assert sorted(body["data"]["object"]["id"] for body in receiver.bodies) == sorted(made)
    client = stripe.StripeClient(KEY, base_addresses={"api": url}, http_client=transport)
    assert [entry.id for entry in (await client.v1.products.list_async()).data] == made[::-1]
    assert await alone.end(kill=False) == 0


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["--host", "0.0.0.0"], {}), ([], {"STRIPE_SECRET_KEY": "sk_test_1"})],
)
def test_never_open_and_never_beside_stripe(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    environment: dict[str, str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["licet_sandbox", "--port", "0", *arguments])
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "LICET_SANDBOX_PUBLIC=1" in capsys.readouterr().err or environment


def test_importing_is_quick() -> None:
    code = (
        "import sys, licet_sandbox; print('starlette' in sys.modules);"
        "from licet_sandbox import Sandbox; print('stripe' in sys.modules, 'jsonschema_rs' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
    )
    assert ended.stdout.split() == ["False", "False", "False"]
