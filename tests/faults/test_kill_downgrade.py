"""`kill -9` during a change of plan: a scheduled end is kept, and an overdue invoice is paid once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.faults.test_kill import RUN_OUT, killed_again
from tests.faults.test_kill_plan import choices
from tests.support.client import open_client
from tests.support.commit_proxy import ANY, CommitProxy
from tests.support.killed import all_delivered, close_output, fetch_value, same_ports, start_behind
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running import Running
from tests.support.shop import eventually

DAY = 24 * 3600
ENDS = "SELECT count(*) FROM ends_taken_back"
PAID = "SELECT array_agg(amount_paid ORDER BY created_at, amount_paid) FROM invoices WHERE status = 'paid'"
STARTER, GROWTH = 2900, 9900


@dataclass
class Acme:
    """An organisation's own view of a Licet that dies; its addresses stay what they were."""

    client: httpx.AsyncClient
    url: str
    sandbox: str
    plans: dict[str, dict[str, Any]]

    async def ask(self, verb: str, body: dict[str, Any]) -> httpx.Response:
        return await self.client.post(f"{self.url}/payment/{verb}", json=body)

    async def info(self) -> dict[str, Any]:
        answer = await self.client.get(f"{self.url}/payment/customer-info", params={"organizationId": "acme"})
        found: dict[str, Any] = answer.json()
        return found

    async def control(self, path: str, **body: Any) -> None:
        answer = await self.client.post(f"{self.sandbox}/_sandbox/{path}", json=body)
        assert answer.status_code == 200, answer.text

    async def delivered(self) -> None:
        await eventually(lambda: all_delivered(self.sandbox), PATIENCE_SECONDS)


@asynccontextmanager
async def acme_with(licet: Running, name: str) -> AsyncIterator[Acme]:
    """An organisation that has subscribed to this plan."""
    headers = {"Authorization": f"Bearer {licet.ready['operatorKey']}"}
    async with open_client(headers=headers) as client:
        acme = Acme(client, licet.url, licet.ready["sandboxUrl"], await choices(client, licet.url))
        page = (await acme.ask("subscription-checkout", acme.plans[name])).json()["url"]
        await acme.control(f"checkout/{page.rsplit('/', 1)[-1]}/pay")
        await acme.delivered()
        yield acme


async def test_killed_between_taking_the_end_back_and_the_downgrade(database: str, place: Path) -> None:
    """The first commit after the row is at the latest that of Stripe's answer to the first call."""
    async with CommitProxy(database, statement=ANY, after=b"INSERT INTO ends_taken_back").running() as proxy:
        licet = await start_behind(place, proxy)
        assert licet is not None
        ports = same_ports(licet)
        async with acme_with(licet, "Growth") as acme:
            assert (await acme.ask("subscription-cancel", {"organizationId": "acme"})).status_code == 200
            await acme.delivered()
            proxy.armed = True
            with pytest.raises(httpx.TransportError):
                await acme.ask("subscription-update", acme.plans["Starter"])
            assert await fetch_value(database, ENDS) == 1
            licet, kills = await killed_again(licet, place, proxy, ports)
            assert kills >= 1
            await fetch_value(database, RUN_OUT)

            async def looked_at() -> bool:
                await acme.control("clock/advance", seconds=30)
                return bool(await fetch_value(database, ENDS) == 0)

            await eventually(looked_at, PATIENCE_SECONDS)
            assert (await acme.info())["cancelAtPeriodEnd"] is True
            await acme.control("clock/advance", seconds=32 * DAY)
            await acme.delivered()
        assert await fetch_value(database, "SELECT array_agg(status) FROM subscriptions") == ["canceled"]
        # It was not renewed.
        assert await fetch_value(database, PAID) == [GROWTH]
        assert await asyncio.to_thread(licet.end) == 0
        close_output(licet)


async def test_killed_between_paying_what_is_overdue_and_the_upgrade(database: str, place: Path) -> None:
    """Stripe has the money, and we die as we are about to write that down."""
    async with CommitProxy(database, statement=b"INSERT INTO invoice_payments", before=True).running() as proxy:
        licet = await start_behind(place, proxy)
        assert licet is not None
        ports = same_ports(licet)
        async with acme_with(licet, "Starter") as acme:
            customer = (await acme.info())["customerId"]
            await acme.control(f"customers/{customer}/card", card="4000000000000341")
            await acme.control("clock/advance", seconds=31 * DAY + 7200)
            await acme.control(f"customers/{customer}/card", card="4242424242424242")
            await acme.delivered()
            assert (await acme.info())["subscriptionStatus"] == "past_due"
            # Another life, on whose connections nothing is prepared yet.
            assert await asyncio.to_thread(licet.end) == 0
            close_output(licet)
            licet = await start_behind(place, proxy, ports)
            assert licet is not None
            proxy.armed = True
            with pytest.raises(httpx.TransportError):
                await acme.ask("subscription-update", acme.plans["Growth"])
            assert await fetch_value(database, PAID) == [STARTER]
            licet, kills = await killed_again(licet, place, proxy, ports)
            assert kills >= 1
            await fetch_value(database, RUN_OUT)
            # The period is paid for, and that is all.
            info = await acme.info()
            assert (info["subscriptionStatus"], info["activePriceId"]) == ("active", acme.plans["Starter"]["priceId"])
            assert await fetch_value(database, PAID) == [STARTER] * 2
            changed = (await acme.ask("subscription-update", acme.plans["Growth"])).json()
            assert changed["status"] == "updated"
            await acme.delivered()
        assert await fetch_value(database, PAID) == [STARTER, STARTER, changed["prorationAmount"]]
        assert await asyncio.to_thread(licet.end) == 0
        close_output(licet)


async def test_killed_between_an_upgrade_and_forgetting_the_end(database: str, place: Path) -> None:
    """A cancellation cleared for a failed downgrade is not restored on the plan bought since."""
    async with CommitProxy(database, statement=b"DELETE FROM ends_taken_back", before=True).running() as proxy:
        licet = await start_behind(place, proxy)
        assert licet is not None
        ports = same_ports(licet)
        async with acme_with(licet, "Starter") as acme:
            # What a downgrade leaves behind that died between its calls.
            subscription = await fetch_value(database, "SELECT stripe_subscription_id FROM subscriptions")
            await fetch_value(
                database,
                f"""
                INSERT INTO ends_taken_back
                VALUES ('{subscription}', '{acme.plans["Starter"]["priceId"]}', true, NULL,
                        '{{"kind": "api_call", "id": "req_1"}}', '2020-01-01Z'::timestamptz + interval '20 years')
                """,
            )
            proxy.armed = True
            with pytest.raises(httpx.TransportError):
                await acme.ask("subscription-update", acme.plans["Growth"])
            licet, kills = await killed_again(licet, place, proxy, ports)
            assert kills >= 1
            await fetch_value(database, RUN_OUT)
            await fetch_value(database, "UPDATE ends_taken_back SET due_at = '2020-01-01Z' RETURNING 1")

            async def looked_at() -> bool:
                await acme.control("clock/advance", seconds=1)
                return bool(await fetch_value(database, ENDS) == 0)

            await eventually(looked_at, PATIENCE_SECONDS)
            info = await acme.info()
            assert (info["activePriceId"], info["cancelAtPeriodEnd"]) == (acme.plans["Growth"]["priceId"], False)
        assert await asyncio.to_thread(licet.end) == 0
        close_output(licet)
