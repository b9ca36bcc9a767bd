"""`kill -9` during an upgrade while a downgrade waits: it is kept, and the downgrade dropped."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.faults.test_kill import RUN_OUT, killed_again
from tests.support.client import open_client
from tests.support.commit_proxy import CommitProxy
from tests.support.killed import all_delivered, close_output, fetch_value, same_ports, start_behind
from tests.support.patience import PATIENCE_SECONDS
from tests.support.shop import eventually

RELEASES = "SELECT count(*) FROM plan_releases"
MONTH_SECONDS = 32 * 24 * 3600


async def choices(client: httpx.AsyncClient, url: str) -> dict[str, dict[str, Any]]:
    """A new organisation's plans by name, as bodies that choose them."""
    acme = {"kind": "organization", "name": "Acme", "email": "billing@acme.example", "externalId": "acme"}
    assert (await client.post(f"{url}/api/admin/accounts", json=acme)).status_code == 201
    plans = (await client.get(f"{url}/payment/subscription-plans", params={"organizationId": "acme"})).json()
    return {
        plan["name"]: {
            "organizationId": "acme",
            "productId": plan["productId"],
            "priceId": plan["prices"][0]["priceId"],
        }
        for plan in plans
    }


async def test_killed_between_the_upgrade_and_the_release_of_what_waits(database: str, place: Path) -> None:
    async with CommitProxy(
        database, statement=b"INSERT INTO mirrors", after=b"INSERT INTO plan_releases"
    ).running() as proxy:
        licet = await start_behind(place, proxy)
        assert licet is not None
        ports, url, sandbox_url = same_ports(licet), licet.url, licet.ready["sandboxUrl"]
        sandbox, update = f"{sandbox_url}/_sandbox", f"{url}/payment/subscription-update"
        headers = {"Authorization": f"Bearer {licet.ready['operatorKey']}"}
        async with open_client(headers=headers) as client:
            plans = await choices(client, url)
            page = (await client.post(f"{url}/payment/subscription-checkout", json=plans["Growth"])).json()["url"]
            session = page.rsplit("/", 1)[-1]
            assert (await client.post(f"{sandbox}/checkout/{session}/pay", json={})).status_code == 200
            assert (await client.post(update, json=plans["Starter"])).json()["status"] == "scheduled"
            await eventually(lambda: all_delivered(sandbox_url), PATIENCE_SECONDS)
            proxy.armed = True
            with pytest.raises(httpx.TransportError):
                await client.post(update, json=plans["Scale"])
            assert await fetch_value(database, RELEASES) == 1
            licet, kills = await killed_again(licet, place, proxy, ports)
            assert kills >= 1
            await fetch_value(database, RUN_OUT)

            async def released() -> bool:
                assert (await client.post(f"{sandbox}/clock/advance", json={"seconds": 30})).status_code == 200
                return bool(await fetch_value(database, RELEASES) == 0)

            await eventually(released, PATIENCE_SECONDS)
            turned = await client.post(f"{sandbox}/clock/advance", json={"seconds": MONTH_SECONDS})
            assert turned.status_code == 200
            price = plans["Scale"]["priceId"]

            async def renewed() -> bool:
                paid = await fetch_value(database, "SELECT array_agg(amount_paid ORDER BY created_at) FROM invoices")
                return bool(paid[-1] == 29900)

            await eventually(renewed, PATIENCE_SECONDS)
        # Charged for the change once, and on the plan that was paid for.
        assert (
            await fetch_value(database, "SELECT count(*) FROM invoices WHERE billing_reason = 'subscription_update'")
            == 1
        )
        assert await fetch_value(database, "SELECT stripe_price_id FROM subscription_items") == price
        assert await asyncio.to_thread(licet.end) == 0
        close_output(licet)
