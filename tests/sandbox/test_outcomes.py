"""What became of deliveries: gathered for a moment, and lost neither when the sandbox stops nor to whoever asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import stripe
from tests.sandbox.conftest import KEY
from tests.sandbox.play import Play, Receiver
from tests.support.client import open_client
from tests.support.patience import PATIENCE_SECONDS

from licet_sandbox import Sandbox
from licet_sandbox.events import delivery

if TYPE_CHECKING:
    from pathlib import Path

    from licet_sandbox.validation import Checker


class Slow:
    """The first event is answered once the second has come, and the second only when it is let go."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._both = asyncio.Event()
        self.let_go = asyncio.Event()
        receiver.hook = self

    async def __call__(self, body: dict[str, Any]) -> None:
        if len(self._receiver.bodies) == 1:
            await self._both.wait()
        else:
            self._both.set()
            await self.let_go.wait()


async def gathered(sandbox: Sandbox) -> None:
    """Until the first outcome is there, and written nowhere yet."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not sandbox._engine.deliveries._outcomes:  # noqa: ASYNC110  # It comes from another task.
            await asyncio.sleep(0.005)


def state_of_the_first(sandbox: Sandbox) -> Any:
    return sandbox._engine.store.value("SELECT state FROM deliveries ORDER BY id")


async def test_not_sent_again_after_a_stop(
    tmp_path: Path, checker: Checker, transport: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_GATHER_SECONDS", 3600)
    slow, path = Slow(receiver), tmp_path / "sandbox.db"
    running = await Sandbox(path, validate=checker).serve()
    client = stripe.StripeClient(KEY, base_addresses={"api": running.url}, http_client=transport)
    async with open_client(base_url=running.url) as http:
        play = Play(running.sandbox, running.url, client.v1, http)
        await play.endpoint(receiver)
        for name in ("first", "second"):
            await play.api.products.create_async({"name": name})
        await gathered(running.sandbox)
        assert state_of_the_first(running.sandbox) == "queued"
    await running.stop()
    slow.let_go.set()
    running = await Sandbox(path, validate=checker).serve()
    await receiver.until(3)
    await running.sandbox._engine.deliveries.wait_until_sent()
    await running.stop()
    assert [body["data"]["object"]["name"] for body in receiver.bodies] == ["first", "second", "second"]


async def test_whoever_asks_is_told(play: Play, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_GATHER_SECONDS", 3600)
    slow = Slow(receiver)
    await play.endpoint(receiver)
    for name in ("first", "second"):
        await play.api.products.create_async({"name": name})
    await gathered(play.sandbox)
    listed = (await play.http.get("/_sandbox/deliveries")).json()["data"]
    assert [entry["state"] for entry in listed] == ["pending", "delivered"]
    slow.let_go.set()
    await play.sandbox._engine.deliveries.wait_until_sent()
    assert state_of_the_first(play.sandbox) == "delivered"


async def test_nothing_is_lost_with_a_request_that_is_refused(
    play: Play, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_GATHER_SECONDS", 3600)
    slow = Slow(receiver)
    await play.endpoint(receiver)
    for name in ("first", "second"):
        await play.api.products.create_async({"name": name})
    await gathered(play.sandbox)
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.products.retrieve_async("prod_none")
    assert state_of_the_first(play.sandbox) == "queued"
    await play.api.products.list_async()
    assert state_of_the_first(play.sandbox) == "delivered"
    slow.let_go.set()
    await play.sandbox._engine.deliveries.wait_until_sent()
    assert [body["data"]["object"]["name"] for body in receiver.bodies] == ["first", "second"]


async def test_what_was_read_ahead_is_not_sent_to_who_is_gone(play: Play, receiver: Receiver) -> None:
    let_go = asyncio.Event()

    async def wait(_: dict[str, Any]) -> None:
        await let_go.wait()

    endpoint = await play.endpoint(receiver)
    receiver.hook = wait
    for name in range(delivery.MAX_PARALLEL + 3):
        await play.api.products.create_async({"name": str(name)})
    await receiver.until(delivery.MAX_PARALLEL)
    await play.api.webhook_endpoints.update_async(endpoint.id, {"disabled": True})
    let_go.set()
    await play.sandbox._engine.deliveries.wait_until_sent()
    assert len(receiver.bodies) == delivery.MAX_PARALLEL
    listed = (await play.http.get("/_sandbox/deliveries")).json()["data"]
    assert [entry["state"] for entry in listed] == ["canceled"] * 3 + ["delivered"] * delivery.MAX_PARALLEL
