"""`kill -9` as a duplicate plan is found, decided or undone: the next life undoes it and refunds it once."""

import asyncio
import contextlib
from pathlib import Path

import httpx
import pytest
from tests.faults.test_kill import killed_again
from tests.faults.test_kill_plan import choices
from tests.support.client import open_client
from tests.support.commit_proxy import CommitProxy
from tests.support.killed import all_delivered, close_output, fetch_value, same_ports, start_behind
from tests.support.patience import PATIENCE_SECONDS
from tests.support.shop import eventually

STATUSES = "SELECT array_agg(status ORDER BY status) FROM subscriptions"
DONE = "SELECT count(*) = 1 AND bool_and(due_at IS NULL) FROM second_plans"


async def two_checkouts(client: httpx.AsyncClient, url: str) -> list[str]:
    """Two sessions of one plan for one organisation."""
    starter = (await choices(client, url))["Starter"]
    answers = [await client.post(f"{url}/payment/subscription-checkout", json=starter) for _ in range(2)]
    return [answer.json()["url"].rsplit("/", 1)[-1] for answer in answers]


async def two_carts(client: httpx.AsyncClient, url: str) -> list[str]:
    """Two sessions of one account: a plan, and the same plan in a cart with other products."""
    made = await client.post(
        f"{url}/api/admin/accounts", json={"kind": "user", "name": "Ada", "email": "ada@example.com"}
    )
    products = {one["name"]: one["id"] for one in (await client.get(f"{url}/api/products")).json()["data"]}
    carts = [["Starter"], ["Starter", "Shopify Connector", "Data Migrator"]]
    answers = [
        await client.post(
            f"{url}/api/billing/checkout?accountId={made.json()['id']}",
            json={
                "items": [{"productId": products[name], "quantity": 1} for name in cart],
                "successUrl": "http://localhost/",
                "cancelUrl": "http://localhost/",
            },
        )
        for cart in carts
    ]
    return [answer.json()["sessionId"] for answer in answers]


@pytest.mark.parametrize(
    "statement", [b"purchase_invoice_id = $2", b"UPDATE second_plans SET due_at = NULL"], ids=["decided", "undone"]
)
async def test_killed_while_the_plan_of_a_cart_is_undone(database: str, place: Path, statement: bytes) -> None:
    async with CommitProxy(database, statement=statement).running() as proxy:
        licet = await start_behind(place, proxy)
        assert licet is not None
        sandbox_url = licet.ready["sandboxUrl"]
        ports, sandbox = same_ports(licet), f"{sandbox_url}/_sandbox"
        headers = {"Authorization": f"Bearer {licet.ready['operatorKey']}"}
        async with open_client(headers=headers) as client:
            first, second = await two_carts(client, licet.url)
            assert (await client.post(f"{sandbox}/checkout/{first}/pay", json={})).status_code == 200
            await eventually(lambda: all_delivered(sandbox_url), PATIENCE_SECONDS)
            proxy.armed = True
            with contextlib.suppress(httpx.TransportError):
                await client.post(f"{sandbox}/checkout/{second}/pay", json={})
            running = licet

            async def killed() -> bool:
                return running.process.poll() is not None

            await eventually(killed, PATIENCE_SECONDS)
            licet, kills = await killed_again(licet, place, proxy, ports)
            assert kills >= 1

            async def undone() -> bool:
                assert (await client.post(f"{sandbox}/clock/advance", json={"seconds": 10})).status_code == 200
                return bool(await fetch_value(database, DONE))

            await eventually(undone, PATIENCE_SECONDS)
        assert await fetch_value(database, STATUSES) == ["active", "active"]
        assert await fetch_value(database, "SELECT array_agg(amount) FROM refunds") == [2900]
        assert await fetch_value(database, "SELECT array_agg(status) FROM licenses") == ["active", "active"]
        told = "SELECT count(*) FROM outgoing_events WHERE event = 'subscription.undone'"
        assert await fetch_value(database, told) == 1
        assert await asyncio.to_thread(licet.end) == 0
        close_output(licet)


async def test_killed_as_it_is_found(database: str, place: Path) -> None:
    async with CommitProxy(database, statement=b"INSERT INTO second_plans").running() as proxy:
        licet = await start_behind(place, proxy)
        assert licet is not None
        ports, sandbox = same_ports(licet), f"{licet.ready['sandboxUrl']}/_sandbox"
        sandbox_url = licet.ready["sandboxUrl"]
        headers = {"Authorization": f"Bearer {licet.ready['operatorKey']}"}
        async with open_client(headers=headers) as client:
            first, second = await two_checkouts(client, licet.url)
            assert (await client.post(f"{sandbox}/checkout/{first}/pay", json={})).status_code == 200
            await eventually(lambda: all_delivered(sandbox_url), PATIENCE_SECONDS)
            proxy.armed = True
            with pytest.raises(httpx.TransportError):
                await client.post(f"{sandbox}/checkout/{second}/pay", json={})
            licet, kills = await killed_again(licet, place, proxy, ports)
            assert kills >= 1

            async def undone() -> bool:
                assert (await client.post(f"{sandbox}/clock/advance", json={"seconds": 10})).status_code == 200
                return bool(await fetch_value(database, DONE))

            await eventually(undone, PATIENCE_SECONDS)
        assert await fetch_value(database, STATUSES) == ["active", "canceled"]
        assert await fetch_value(database, "SELECT array_agg(amount) FROM refunds") == [2900]
        assert await fetch_value(database, "SELECT count(*) FROM cancellations") == 0
        assert await asyncio.to_thread(licet.end) == 0
        close_output(licet)
