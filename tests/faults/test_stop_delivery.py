"""SIGTERM while an endpoint does not answer: the next life makes the attempt again."""

import asyncio
from pathlib import Path

from tests.faults.test_kill import a_cart
from tests.support.client import open_client
from tests.support.killed import close_output, fetch_value, same_ports
from tests.support.listener import http_reply, no_reply, open_listener
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running import ANY_PORTS, command, environment, start
from tests.support.shop import eventually

LEFT = "SELECT count(*) FROM deliveries WHERE status <> 'delivered'"
HANDED_BACK = (
    "SELECT count(*) FROM deliveries WHERE status = 'pending' AND attempts = 0 AND due_at <= created_at + '1 h'"
)


async def test_what_is_under_way_is_handed_back(database: str, place: Path) -> None:
    env = environment(LICET_WEBHOOKS_ALLOW_PRIVATE="127.0.0.1", LICET_DATABASE_URL=database)
    async with open_listener() as listener:
        listener.reply = no_reply
        licet = await asyncio.to_thread(start, command(place / "data", *ANY_PORTS), place, env)
        ports, sandbox = same_ports(licet), f"{licet.ready['sandboxUrl']}/_sandbox"
        headers = {"Authorization": f"Bearer {licet.ready['operatorKey']}"}
        async with open_client(headers=headers) as client:
            endpoint = {"url": f"http://127.0.0.1:{listener.port}/", "events": ["checkout.completed"]}
            assert (await client.post(f"{licet.url}/api/webhook-endpoints", json=endpoint)).status_code == 201
            session = await a_cart(client, licet.url)
            paid = await client.post(f"{sandbox}/checkout/{session}/pay", json={"card": "4242424242424242"})
            assert paid.status_code == 200, paid.text
        async with asyncio.timeout(PATIENCE_SECONDS):
            await listener.until(1)
        assert await asyncio.to_thread(licet.end) == 0
        close_output(licet)
        assert await fetch_value(database, HANDED_BACK) == 1
        listener.reply = http_reply(200)
        licet = await asyncio.to_thread(start, command(place / "data", *ports), place, env)

        async def told() -> bool:
            return bool(await fetch_value(database, LEFT) == 0)

        await eventually(told, PATIENCE_SECONDS)
        assert len(listener.requests) == 2
        assert await fetch_value(database, "SELECT attempts FROM deliveries") == 1
        assert await asyncio.to_thread(licet.end) == 0
        close_output(licet)
