"""Sandboxes over real HTTP, called by the official SDK, with all traffic validated.

One server and one SDK client serve all tests of this folder, in one event loop; each test has its own sandbox.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import stripe
from tests.sandbox.play import Play, Receiver, Switchboard
from tests.support.client import open_client
from tests.support.patience import PATIENCE_SECONDS

from licet_sandbox import Sandbox
from licet_sandbox.validation import Checker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

KEY = "sk_test_" + "4" * 24


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    one_loop = pytest.mark.asyncio(loop_scope="session")
    # Stripe's SDK hands httpx its body in a way that httpx has deprecated.
    old = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes/text content:DeprecationWarning")
    for item in items:
        if here in item.path.parents:
            item.add_marker(old)
            if pytest_asyncio.is_async_test(item):
                item.add_marker(one_loop, append=False)


@pytest.fixture(scope="session")
def checker() -> Iterator[Checker]:
    checker = Checker()
    yield checker
    checker.raise_any()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def switchboard() -> AsyncIterator[Switchboard]:
    switchboard = Switchboard()
    await switchboard.start()
    yield switchboard
    await switchboard.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def transport() -> AsyncIterator[Any]:
    transport = stripe.HTTPXClient(timeout=PATIENCE_SECONDS)
    yield transport
    await transport.close_async()  # type: ignore[no-untyped-call]  # the SDK leaves it without types


@pytest_asyncio.fixture(loop_scope="session")
async def play(checker: Checker, switchboard: Switchboard, transport: Any) -> AsyncIterator[Play]:
    sandbox = Sandbox(validate=checker)
    sandbox.base_url = switchboard.url
    await sandbox.start()
    switchboard.app = sandbox.app
    async with open_client(base_url=switchboard.url) as http:
        client = stripe.StripeClient(KEY, base_addresses={"api": switchboard.url}, http_client=transport)
        yield Play(sandbox, switchboard.url, client.v1, http)
    await sandbox.stop()
    checker.raise_any()


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()
