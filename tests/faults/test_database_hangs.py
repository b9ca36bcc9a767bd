"""PostgreSQL that hangs, is locked, or takes no writes: every call is answered, and nothing acknowledged is lost."""

import asyncio
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from tests.support.client import open_client
from tests.support.contexts import make_context
from tests.support.face import assert_error
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running import children_of, database_process, running
from tests.support.serving import serve
from tests.support.shop import eventually
from tests.support.signing import signed

from licet.admin import health
from licet.app import create_app
from licet.db import pool as limits
from licet.db.embedded import EmbeddedPostgres
from licet.db.migrate import migrate_database
from licet.db.pool import Pool, open_pool
from licet.http.context import EVENTS_AT_ONCE, Context
from licet.kit.times import wall_now
from licet.node.serving import API_CONNECTIONS, WEBHOOK_PATH
from licet.stripe_api.version import API_VERSION

SECRET = "whsec_hangs"


@pytest.fixture
def place() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="licet-hangs-"))
    yield directory
    shutil.rmtree(directory)


@asynccontextmanager
async def licet_over(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """The application over this pool."""
    context = make_context(pool, stripe_webhook_secrets=(SecretStr(SECRET),))
    async with serve(create_app(context)) as url, open_client(base_url=url) as client:
        yield client


async def send_event(client: httpx.AsyncClient, event_id: str, url: str = "", secret: str = SECRET) -> httpx.Response:
    """Sends an event of a type that is only kept, as `ignored`."""
    event = {
        "id": event_id,
        "object": "event",
        "type": "balance.available",
        "api_version": API_VERSION,
        "created": int(wall_now().timestamp()),
        "livemode": False,
        "data": {"object": {"object": "balance"}},
    }
    raw = json.dumps(event).encode()
    headers = {"Stripe-Signature": signed(raw, secret, wall_now()), "Content-Type": "application/json"}
    return await client.post(url + WEBHOOK_PATH, content=raw, headers=headers)


def freeze(postmaster: int) -> list[int]:
    """Stops the server and its processes from running. Returns their ids."""
    # First the one that starts the others.
    os.kill(postmaster, signal.SIGSTOP)
    frozen = [postmaster, *children_of(postmaster)]
    send(signal.SIGSTOP, frozen)
    return frozen


def send(number: signal.Signals, processes: list[int]) -> None:
    for process in processes:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            continue


@pytest_asyncio.fixture
async def own_server(place: Path) -> AsyncIterator[str]:
    """The DSN of a server that nobody else uses."""
    server = EmbeddedPostgres(place / "data", durable=False)
    dsn = await server.start()
    await migrate_database(dsn)
    yield dsn
    await server.stop()


async def test_a_frozen_database(own_server: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ACQUIRE_TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(limits, "COMMAND_TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(health, "DATABASE_TIMEOUT_SECONDS", 0.2)
    pool = await open_pool(own_server, max_size=2)
    postmaster = database_process(place / "data")
    assert postmaster is not None
    try:
        async with licet_over(pool) as client:
            frozen = freeze(postmaster)
            try:
                # More often than there are connections.
                for _ in range(3):
                    assert_error(await client.get("/readyz"), 503, "not_ready")
                    unavailable = await client.get("/api/products")
                    assert_error(unavailable, 503, "database_unavailable")
                    assert unavailable.headers["retry-after"] == "5"
                assert_error(await send_event(client, "evt_frozen"), 503, "database_unavailable")
                assert (await client.get("/healthz")).status_code == 200
            finally:
                send(signal.SIGCONT, frozen)

            async def is_ready() -> bool:
                return (await client.get("/readyz")).status_code == 200

            await eventually(is_ready)

            async def is_kept() -> bool:
                return (await send_event(client, "evt_frozen")).status_code == 200

            await eventually(is_kept)
    finally:
        await limits.close_pool(pool)
    conn = await asyncpg.connect(own_server)
    assert await conn.fetchval("SELECT count(*) FROM events") == 1
    await conn.close()


async def test_events_that_wait_for_a_lock_leave_connections_to_reads(database: str) -> None:
    pool = await open_pool(database, max_size=API_CONNECTIONS)
    other = await asyncpg.connect(database)
    try:
        async with licet_over(pool) as client:
            held = other.transaction()
            await held.start()
            await other.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
            sending = [asyncio.create_task(send_event(client, f"evt_{n}")) for n in range(2 * API_CONNECTIONS)]

            async def they_wait() -> bool:
                waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'events'::regclass"
                return bool(await other.fetchval(waiting) == EVENTS_AT_ONCE)

            await eventually(they_wait)
            assert (await client.get("/api/products")).status_code == 200
            assert (await client.get("/readyz")).status_code == 200
            assert not any(one.done() for one in sending)
            await held.rollback()
            assert {(await one).status_code for one in sending} == {200}
        assert await other.fetchval("SELECT count(*) FROM events") == len(sending)
    finally:
        await other.close()
        await limits.close_pool(pool)


async def test_a_lock_that_is_not_released_ends_the_wait(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOCK_TIMEOUT_SECONDS", 0.1)
    pool = await open_pool(database, max_size=2)
    other = await asyncpg.connect(database)
    try:
        async with licet_over(pool) as client:
            async with other.transaction():
                await other.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
                refused = await send_event(client, "evt_locked")
                assert_error(refused, 503, "database_unavailable")
                assert refused.headers["retry-after"] == "5"
            assert (await send_event(client, "evt_locked")).status_code == 200
    finally:
        await other.close()
        await limits.close_pool(pool)


async def test_more_events_than_may_wait_are_sent_again(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("licet.stripe_events.routes.EVENT_WAIT_SECONDS", 0.1)
    pool = await open_pool(database)
    context = make_context(pool, stripe_webhook_secrets=(SecretStr(SECRET),))
    context = replace(context, event_slots=asyncio.Semaphore(1))
    try:
        async with serve(create_app(context)) as url, open_client(base_url=url) as client:
            async with context.event_slots:
                refused = await send_event(client, "evt_many")
                assert_error(refused, 503, "database_unavailable")
                assert refused.headers["retry-after"] == "5"
            assert (await send_event(client, "evt_many")).status_code == 200
    finally:
        await limits.close_pool(pool)


async def test_a_statement_without_end_is_ended(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STATEMENT_TIMEOUT_SECONDS", 0.1)
    pool = await open_pool(database, max_size=1)
    try:
        with pytest.raises(asyncpg.QueryCanceledError):
            await pool.execute("SELECT pg_sleep(600)")
        assert await pool.fetchval("SELECT 1") == 1
    finally:
        await limits.close_pool(pool)


async def test_a_database_that_takes_no_writes(database: str) -> None:
    name = database.partition("@/")[2].partition("?")[0]
    conn = await asyncpg.connect(database)
    await conn.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await conn.close()
    pool = await open_pool(database)
    try:
        async with licet_over(pool) as client:
            body = assert_error(await client.get("/readyz"), 503, "not_ready")
            assert "takes no writes" in body["message"]
            assert_error(await send_event(client, "evt_read_only"), 503, "database_unavailable")
    finally:
        await limits.close_pool(pool)


async def test_a_readiness_check_writes_to_the_disk_and_leaves_nothing(pool: Pool) -> None:
    async def temporary_files() -> int:
        query = "SELECT temp_files FROM pg_stat_database WHERE datname = current_database()"
        return int(await pool.fetchval(query))

    context: Context = make_context(pool)
    async with serve(create_app(context)) as url, open_client(base_url=url) as client:
        before = await pool.fetchval("SELECT at FROM heartbeat")
        files = await temporary_files()

        async def has_written() -> bool:
            assert (await client.get("/readyz")).status_code == 200
            return bool(
                await pool.fetchval("SELECT at > $1 FROM heartbeat", before) and await temporary_files() > files
            )

        await eventually(has_written)
        assert await pool.fetchval("SELECT count(*) FROM heartbeat") == 1


async def test_a_heartbeat_in_the_future_is_overwritten(pool: Pool) -> None:
    await pool.execute("UPDATE heartbeat SET at = now() + interval '1 year'")
    async with serve(create_app(make_context(pool))) as url, open_client(base_url=url) as client:
        assert (await client.get("/readyz")).status_code == 200
    assert await pool.fetchval("SELECT at <= now() FROM heartbeat")


async def test_a_stop_ends_though_the_database_is_frozen(place: Path) -> None:
    with running(place / "data") as licet:
        postmaster = database_process(place / "data")
        assert postmaster is not None
        frozen = freeze(postmaster)
        try:
            async with open_client() as client:
                hanging = asyncio.create_task(client.get(f"{licet.url}/api/products"))
                assert (await client.get(f"{licet.url}/healthz")).status_code == 200
                assert await asyncio.to_thread(licet.end) == 0
                await asyncio.wait({hanging})
                with pytest.raises(httpx.HTTPError):
                    hanging.result().raise_for_status()
        finally:
            send(signal.SIGKILL, frozen)
    with running(place / "data") as licet:
        assert licet.get("/readyz").status_code == 200


async def test_a_killed_embedded_server_is_started_again_and_no_acknowledged_event_is_lost(place: Path) -> None:
    acknowledged: list[str] = []
    with running(place / "data") as licet:
        first = database_process(place / "data")
        assert first is not None
        ends = asyncio.Event()

        async def keep_sending(client: httpx.AsyncClient, sender: int) -> None:
            number = 0
            while not ends.is_set():
                event_id = f"evt_{sender}_{number}"
                answer = await send_event(client, event_id, licet.url, str(licet.ready["webhookSecret"]))
                if answer.status_code == 200:
                    acknowledged.append(event_id)
                else:
                    assert_error(answer, 503, "database_unavailable")
                number += 1

        async with open_client() as client:
            sending = [asyncio.create_task(keep_sending(client, n)) for n in range(4)]
            for _ in range(2):
                count = len(acknowledged)

                async def more_is_kept(than: int = count) -> bool:
                    assert licet.process.poll() is None
                    for task in sending:
                        if task.done():
                            task.result()
                    return len(acknowledged) > than + 20

                await eventually(more_is_kept)
                running_now = database_process(place / "data")
                assert running_now is not None
                os.kill(running_now, signal.SIGKILL)
            count = len(acknowledged)
            await eventually(lambda: more_is_kept(count))
            ends.set()
            await asyncio.wait_for(asyncio.gather(*sending), PATIENCE_SECONDS)
            assert (await client.get(f"{licet.url}/readyz")).status_code == 200
        assert database_process(place / "data") != first
        conn = await asyncpg.connect(licet.ready["databaseUrl"])
        kept: list[Any] = await conn.fetch("SELECT stripe_event_id FROM events")
        await conn.close()
        assert set(acknowledged) <= {row["stripe_event_id"] for row in kept}
        assert licet.end() == 0
    assert "postgresql_restarted" in (place / "stderr.log").read_text()
