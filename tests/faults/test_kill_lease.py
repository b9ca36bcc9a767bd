"""`kill -9` during a change: the next one waits until the lease has run out, and reads first."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.faults.test_kill_downgrade import Acme, acme_with
from tests.support.commit_proxy import CommitProxy
from tests.support.killed import close_output, fetch_value, same_ports, start_behind
from tests.support.patience import PATIENCE_SECONDS
from tests.support.shop import eventually

AMOUNTS = "SELECT array_agg(amount_paid ORDER BY amount_paid) FROM invoices WHERE status = 'paid'"
HELD = "SELECT count(*) FROM subscription_leases WHERE until > now()"
SOON = "UPDATE subscription_leases SET until = now() + interval '3 seconds' RETURNING 1"
"""So that a test need not wait for as long as a caller may take."""

STICK = """
    CREATE FUNCTION stick() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(3600); RETURN NEW; END $$
"""
STUCK = "CREATE TRIGGER stick BEFORE {verb} ON {table} FOR EACH ROW {condition} EXECUTE FUNCTION stick()"
SLEEPERS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
WAKE = f"SELECT count(pg_terminate_backend(pid)) FROM ({SLEEPERS.replace('count(*)', 'pid')}) AS sleeper"
LOOSE = "DROP TRIGGER stick ON {table}"

STARTER, GROWTH = 2900, 9900


@asynccontextmanager
async def killed_as_it_changes(
    database: str, place: Path, verb: str, table: str, *, quoted: bool = False
) -> AsyncIterator[tuple[Acme, dict[str, Any]]]:
    """The next life of a Licet that died in an upgrade, before this write, and the call's body."""
    async with CommitProxy(database).running() as proxy:
        licet = await start_behind(place, proxy)
        assert licet is not None
        ports = same_ports(licet)
        async with acme_with(licet, "Starter") as acme:
            body = acme.plans["Growth"]
            if quoted:
                body = {**body, "quoteId": (await acme.ask("subscription-preview", body)).json()["quoteId"]}
            price = f"WHEN (NEW.stripe_price_id = '{body['priceId']}')" if verb == "INSERT" else ""
            await fetch_value(database, STICK)
            await fetch_value(database, STUCK.format(verb=verb, table=table, condition=price))
            asking = asyncio.create_task(acme.ask("subscription-update", body))

            async def stuck() -> bool:
                return bool(await fetch_value(database, SLEEPERS))

            await eventually(stuck, PATIENCE_SECONDS)
            os.kill(licet.process.pid, signal.SIGKILL)
            with pytest.raises(httpx.TransportError):
                await asking
            await asyncio.to_thread(licet.process.wait)
            close_output(licet)
            await fetch_value(database, WAKE)
            await fetch_value(database, LOOSE.format(table=table))
            assert await fetch_value(database, HELD) == 1
            licet = await start_behind(place, proxy, ports)
            assert licet is not None
            yield acme, body
        assert await asyncio.to_thread(licet.end) == 0
        close_output(licet)


@pytest.mark.parametrize("quoted", [True, False])
async def test_killed_before_the_answer_is_written_down(database: str, place: Path, quoted: bool) -> None:
    """Stripe has the money, and here is nothing of it but the lease."""
    async with killed_as_it_changes(database, place, "INSERT", "subscription_items", quoted=quoted) as (acme, body):
        await fetch_value(database, SOON)
        answers = await asyncio.gather(*(acme.ask("subscription-update", body) for _ in range(5)))
        said = {(one.status_code, one.json().get("status") or one.json()["code"]) for one in answers}
        assert said == {(409, "quote_expired") if quoted else (200, "unchanged")}
        await acme.delivered()
        assert (await acme.info())["activePriceId"] == body["priceId"]
    first, charged = await fetch_value(database, AMOUNTS)
    assert first == STARTER
    assert GROWTH - STARTER - 10 < charged <= GROWTH - STARTER
    assert await fetch_value(database, "SELECT count(*) FROM subscription_leases") == 0


async def test_killed_before_it_is_let_go_of(database: str, place: Path) -> None:
    async with killed_as_it_changes(database, place, "DELETE", "subscription_leases") as (acme, _):
        # A preview is served although the lease is held.
        assert (await acme.ask("subscription-preview", acme.plans["Scale"])).json()["status"] == "updated"
        await fetch_value(database, SOON)
        changed = (await acme.ask("subscription-update", acme.plans["Starter"])).json()
        assert changed["status"] == "scheduled"
        assert await fetch_value(database, HELD) == 0
