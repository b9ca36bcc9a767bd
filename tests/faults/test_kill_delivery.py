"""`kill -9` around what the vendor's systems are told: each fact comes at least once, as the same."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import httpx
import pytest
from tests.faults.test_kill import a_cart, killed_again
from tests.support.client import open_client
from tests.support.commit_proxy import KEEPS_AN_EVENT, CommitProxy
from tests.support.killed import all_delivered, close_output, fetch_value, same_ports, start_behind
from tests.support.listener import Listener, open_listener
from tests.support.patience import PATIENCE_SECONDS
from tests.support.shop import eventually

LEASE_IS_OVER = {"seconds": 180}

LEFT = "SELECT count(*) FROM deliveries WHERE status <> 'delivered'"


def told(listener: Listener) -> Counter[str]:
    """How often each event came, by its name, each of them counted once."""
    bodies = {body["id"]: body["event"] for body in (json.loads(raw) for _, raw in listener.requests)}
    return Counter(bodies.values())


async def pay_and_ask_on(client: httpx.AsyncClient, pay_url: str, url: str) -> None:
    """Pay, and ask until nobody answers: it may die later than that it answers."""
    await client.post(pay_url, json={"card": "4242424242424242"})
    while True:
        await client.get(f"{url}/healthz")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("statement", "before"),
    [
        pytest.param(KEEPS_AN_EVENT, False, id="as what happened is committed"),
        pytest.param(b"status = 'delivered', delivered_at", True, id="as it has arrived, before that is written"),
    ],
)
async def test_killed(database: str, place: Path, statement: bytes, before: bool) -> None:
    (place / ".env").write_text("LICET_WEBHOOKS_ALLOW_PRIVATE=127.0.0.1\n")
    async with (
        CommitProxy(database, statement=statement, before=before).running() as proxy,
        open_listener() as listener,
    ):
        licet = await start_behind(place, proxy)
        assert licet is not None
        ports, sandbox = same_ports(licet), f"{licet.ready['sandboxUrl']}/_sandbox"
        sandbox_url = licet.ready["sandboxUrl"]
        headers = {"Authorization": f"Bearer {licet.ready['operatorKey']}"}
        async with open_client(headers=headers) as client:
            endpoint = {"url": f"http://127.0.0.1:{listener.port}/", "events": ["*"]}
            made = await client.post(f"{licet.url}/api/webhook-endpoints", json=endpoint)
            assert made.status_code == 201, made.text
            session = await a_cart(client, licet.url)
            await eventually(lambda: all_delivered(sandbox_url), PATIENCE_SECONDS)
            proxy.armed = True
            with pytest.raises(httpx.TransportError):
                await pay_and_ask_on(client, f"{sandbox}/checkout/{session}/pay", licet.url)
            licet, kills = await killed_again(licet, place, proxy, ports)
            assert kills >= 1

            async def all_told() -> bool:
                assert (await client.post(f"{sandbox}/clock/advance", json=LEASE_IS_OVER)).status_code == 200
                return bool(await fetch_value(database, LEFT) == 0)

            await eventually(all_told, PATIENCE_SECONDS)
        facts = await fetch_value(
            database,
            """
            SELECT json_object_agg(event, times)::text
            FROM (SELECT event, count(*) AS times FROM outgoing_events GROUP BY event) AS counted
            """,
        )
        assert dict(told(listener)) == json.loads(facts)
        assert told(listener)["license.issued"] == 2
        assert told(listener)["checkout.completed"] == 1
        if before:
            # It came, and came again: at least once.
            assert len(listener.requests) > told(listener).total()
        assert await asyncio.to_thread(licet.end) == 0
        close_output(licet)
