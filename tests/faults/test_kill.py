"""`kill -9` between the commit and the 200: what was committed stays done, and is not done twice.

A proxy connects Licet with its PostgreSQL. When the server confirms a commit, Licet is killed before it receives the
confirmation: its 200 is never sent, and the sandbox, whose state is in a file, delivers the event again.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from tests.support.client import open_client
from tests.support.commit_proxy import CommitProxy
from tests.support.killed import all_delivered, close_output, fetch_value, killed_or_idle, same_ports, start_behind
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running import Running
from tests.support.shop import eventually

RUN_OUT = "UPDATE subscription_leases SET until = now() RETURNING 1"
"""The killed process holds the lease of the subscription; this ends it early."""


async def counts(dsn: str) -> dict[str, Any]:
    """What there must be exactly once, whatever was killed."""
    conn = await asyncpg.connect(dsn)
    try:
        row = await conn.fetchrow(
            """
            SELECT (SELECT count(*) FROM licenses WHERE status = 'active') AS licenses,
                   (SELECT count(*) FROM orders WHERE status = 'paid') AS orders,
                   (SELECT count(*) FROM license_timeline WHERE change = 'issued') AS issued,
                   (SELECT count(*) FROM emails WHERE template = 'welcome') AS welcomes,
                   (SELECT count(*) FROM emails WHERE template = 'receipt') AS receipts,
                   (SELECT count(*) FROM events WHERE outcome = 'failed') AS failed
            """
        )
    finally:
        await conn.close()
    return dict(row) if row else {}


async def test_killed_between_commit_and_answer(database: str, place: Path) -> None:
    expected = {"licenses": 2, "orders": 1, "issued": 2, "welcomes": 1, "receipts": 1, "failed": 0}
    async with CommitProxy(database).running() as proxy:
        licet = await start_behind(place, proxy)
        assert licet is not None
        ports = same_ports(licet)
        headers = {"Authorization": f"Bearer {licet.ready['operatorKey']}"}
        async with open_client(headers=headers) as client:
            session = await a_cart(client, licet.url)
            # The catalogue's own events first: a kill by one of those would come before the purchase.
            first_sandbox = licet.ready["sandboxUrl"]
            await eventually(lambda: all_delivered(first_sandbox), PATIENCE_SECONDS)
            proxy.armed = True
            with pytest.raises(httpx.TransportError):
                await client.post(
                    f"{licet.ready['sandboxUrl']}/_sandbox/checkout/{session}/pay",
                    json={"card": "4242424242424242", "email": "ada@example.com"},
                )
        licet, kills = await killed_again(licet, place, proxy, ports)
        assert kills >= 2
        assert await counts(database) == expected
        assert await asyncio.to_thread(licet.end) == 0
        close_output(licet)


async def test_killed_while_it_is_told_of_a_dispute(database: str, place: Path) -> None:
    """Opened and lost, each with a kill: both licenses go, and their timelines tell each step once."""
    async with CommitProxy(database).running() as proxy:
        licet = await start_behind(place, proxy)
        assert licet is not None
        ports = same_ports(licet)
        headers = {"Authorization": f"Bearer {licet.ready['operatorKey']}"}
        async with open_client(headers=headers) as client:
            sandbox = f"{licet.ready['sandboxUrl']}/_sandbox"
            session = await a_cart(client, licet.url)
            paid = await client.post(f"{sandbox}/checkout/{session}/pay", json={"card": "4242424242424242"})
            assert paid.status_code == 200, paid.text
            first_sandbox = licet.ready["sandboxUrl"]
            await eventually(lambda: all_delivered(first_sandbox), PATIENCE_SECONDS)
            payment = await fetch_value(database, "SELECT stripe_payment_intent_id FROM invoice_payments")
            proxy.armed = True
            with pytest.raises(httpx.TransportError):
                await client.post(f"{sandbox}/disputes", json={"paymentIntent": payment})
            licet, kills = await killed_again(licet, place, proxy, ports)
            assert kills >= 1
            assert await fetch_value(database, "SELECT count(*) FROM licenses WHERE status = 'suspended'") == 2
            dispute = await fetch_value(database, "SELECT stripe_dispute_id FROM disputes")
            proxy.armed = True
            with pytest.raises(httpx.TransportError):
                await client.post(f"{sandbox}/disputes/{dispute}/close", json={"status": "lost"})
            licet, kills = await killed_again(licet, place, proxy, ports)
            assert kills >= 1
        assert await fetch_value(database, "SELECT count(*) FROM licenses WHERE status = 'revoked'") == 2
        changes = "SELECT array_agg(to_value ORDER BY to_value) FROM license_timeline WHERE change = 'status'"
        assert await fetch_value(database, changes) == ["revoked", "revoked", "suspended", "suspended"]
        assert await fetch_value(database, "SELECT count(*) FROM events WHERE outcome = 'failed'") == 0
        assert await asyncio.to_thread(licet.end) == 0
        close_output(licet)


async def killed_again(
    licet: Running | None, place: Path, proxy: CommitProxy, ports: Sequence[str]
) -> tuple[Running, int]:
    """Kill a killed Licet at its next commits too, then let it run. Returns how often it was killed."""
    assert licet is not None
    kills = 1 if await killed_or_idle(licet) else 0
    for _ in range(3):
        proxy.armed = True
        licet = await start_behind(place, proxy, ports)
        kills += 1 if licet is None or await killed_or_idle(licet) else 0
        if proxy.armed:
            break
    proxy.armed = False
    if licet is None or licet.process.poll() is not None:
        licet = await start_behind(place, proxy, ports)
    assert licet is not None
    sandbox_url = licet.ready["sandboxUrl"]
    await eventually(lambda: all_delivered(sandbox_url), PATIENCE_SECONDS)
    return licet, kills


async def a_cart(client: httpx.AsyncClient, url: str) -> str:
    """A checkout session of a one-off and a recurring product."""
    ada = {"kind": "user", "name": "Ada", "email": "ada@example.com"}
    account = (await client.post(f"{url}/api/admin/accounts", json=ada)).json()["id"]
    products = {one["name"]: one["id"] for one in (await client.get(f"{url}/api/products")).json()["data"]}
    items = [{"productId": products[name], "quantity": 1} for name in ("Shopify Connector", "Data Migrator")]
    body = {"items": items, "successUrl": "http://localhost/thanks", "cancelUrl": "http://localhost/back"}
    answer = await client.post(f"{url}/api/billing/checkout", params={"accountId": account}, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["sessionId"])
