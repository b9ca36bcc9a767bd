"""`kill -9` in the middle of a cancellation at once: the next life completes it."""

import asyncio
from pathlib import Path

import httpx
import pytest
from tests.faults.test_kill import RUN_OUT, a_cart, killed_again
from tests.support.client import open_client
from tests.support.commit_proxy import CommitProxy
from tests.support.killed import all_delivered, close_output, fetch_value, same_ports, start_behind
from tests.support.patience import PATIENCE_SECONDS
from tests.support.shop import eventually

LICENSE = "SELECT status FROM licenses WHERE stripe_subscription_id IS NOT NULL"
SUBSCRIPTION = "SELECT status FROM subscriptions"


async def test_killed_between_the_decision_and_stripe(database: str, place: Path) -> None:
    async with CommitProxy(database, statement=b"INSERT INTO cancellations").running() as proxy:
        licet = await start_behind(place, proxy)
        assert licet is not None
        ports, sandbox_url = same_ports(licet), licet.ready["sandboxUrl"]
        headers = {"Authorization": f"Bearer {licet.ready['operatorKey']}"}
        async with open_client(headers=headers) as client:
            session = await a_cart(client, licet.url)
            paid = await client.post(
                f"{sandbox_url}/_sandbox/checkout/{session}/pay", json={"card": "4242424242424242"}
            )
            assert paid.status_code == 200, paid.text
            await eventually(lambda: all_delivered(sandbox_url), PATIENCE_SECONDS)
            subscription = await fetch_value(database, "SELECT stripe_subscription_id FROM subscriptions")
            proxy.armed = True
            with pytest.raises(httpx.TransportError):
                await client.post(
                    f"{licet.url}/api/billing/subscriptions/{subscription}/cancel", json={"cancelAtPeriodEnd": False}
                )
            # Suspended, and Stripe was not asked.
            assert await fetch_value(database, LICENSE) == "suspended"
            assert await fetch_value(database, SUBSCRIPTION) == "active"
            licet, kills = await killed_again(licet, place, proxy, ports)
            assert kills >= 1
            await fetch_value(database, RUN_OUT)
            turned = await client.post(f"{sandbox_url}/_sandbox/clock/advance", json={"seconds": 60})
            assert turned.status_code == 200, turned.text

            async def ended() -> bool:
                return bool(await fetch_value(database, SUBSCRIPTION) == "canceled")

            await eventually(ended, PATIENCE_SECONDS)
        assert await fetch_value(database, LICENSE) == "revoked"
        assert await fetch_value(database, "SELECT count(*) FROM cancellations") == 0
        changes = "SELECT array_agg(to_value ORDER BY at) FROM license_timeline WHERE change = 'status'"
        assert await fetch_value(database, changes) == ["suspended", "revoked"]
        assert await asyncio.to_thread(licet.end) == 0
        close_output(licet)
