"""A sandbox over real HTTP, spoken to by the official SDK, with all traffic validated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import stripe

from licet_sandbox import Sandbox
from licet_sandbox.validation import Checker
from tests.sandbox.play import Play, Receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEY = "sk_test_" + "4" * 24


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stripe's SDK hands httpx its body in a way that httpx would have otherwise; nothing of ours."""
    here = Path(__file__).parent
    mark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes/text content:DeprecationWarning")
    for item in items:
        if here in item.path.parents:
            item.add_marker(mark)


@pytest.fixture(scope="session")
def checker() -> Checker:
    return Checker()


@pytest.fixture(scope="session", autouse=True)
def all_traffic_is_valid(checker: Checker) -> Any:
    yield
    checker.raise_any()


@pytest.fixture
async def play(checker: Checker) -> AsyncIterator[Play]:
    sandbox = Sandbox(validate=checker)
    running = await sandbox.serve()
    async with httpx.AsyncClient(base_url=running.url, timeout=20) as http:
        transport = stripe.HTTPXClient()
        client = stripe.StripeClient(KEY, base_addresses={"api": running.url}, http_client=transport)
        yield Play(running, client.v1, http)
        await transport.close_async()
    await running.stop()
    checker.raise_any()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()
