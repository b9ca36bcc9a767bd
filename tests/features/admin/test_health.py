"""Does it live, and can it serve?"""

import asyncio
from datetime import timedelta

import pytest
from tests.factories.accounts import make_account, make_api_key
from tests.factories.events import make_event
from tests.support.client import open_client
from tests.support.contexts import make_context
from tests.support.face import Face, assert_error
from tests.support.patience import PATIENCE_SECONDS
from tests.support.serving import serve

from licet.admin import health
from licet.app import create_app
from licet.db.pool import open_pool
from licet.queue.jobs import enqueue


async def test_it_lives_and_is_ready(face: Face) -> None:
    assert (await face.call("GET", "/healthz")).json() == {"status": "ok"}
    assert (await face.call("GET", "/readyz")).json() == {"status": "ready"}


async def test_the_details_are_for_operators(face: Face) -> None:
    assert (await face.get("/readyz")).json() == {
        "status": "ready",
        "checks": {
            "queue": {"waiting": 0, "oldestSeconds": None},
            "refreshes": {"count": 0, "oldestAt": None},
            "failedEvents": {"count": 0, "oldestAt": None},
            "parkedEvents": {"count": 0, "oldestAt": None},
        },
    }
    key = await make_api_key(face.context, await make_account(face.context))
    assert_error(await face.get("/readyz", key=key), 403, "forbidden")
    assert_error(await face.get("/readyz", key=key[:-1]), 401, "unauthorized")


async def test_what_waits(face: Face) -> None:
    now = face.context.now()
    await make_event(face.context, outcome="failed", received_at=now)
    await make_event(face.context, outcome="failed", received_at=now - timedelta(hours=2))
    await make_event(face.context, outcome="waiting", received_at=now)
    async with face.context.pool.acquire() as conn, conn.transaction():
        await enqueue(conn, "some_job", "key")
    checks = (await face.get("/readyz")).json()["checks"]
    assert checks["failedEvents"]["count"] == 2
    assert checks["failedEvents"]["oldestAt"] == (now - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert checks["parkedEvents"]["count"] == 1
    assert checks["queue"]["waiting"] == 1
    assert checks["queue"]["oldestSeconds"] >= 0


async def test_a_schema_of_another_version(face: Face) -> None:
    await face.context.pool.execute("UPDATE alembic_version SET version_num = '0001_spine'")
    body = assert_error(await face.call("GET", "/readyz"), 503, "not_ready")
    assert "migrate" in body["message"]
    await face.context.pool.execute("UPDATE alembic_version SET version_num = '9999_future'")
    assert_error(await face.get("/readyz"), 503, "not_ready")
    assert (await face.call("GET", "/healthz")).status_code == 200


async def test_a_database_that_is_away(database: str) -> None:
    pool = await open_pool(database, min_size=0)
    async with serve(create_app(make_context(pool))) as url, open_client(base_url=url) as client:
        assert (await client.get("/readyz")).status_code == 200
        # Nothing can be borrowed any more: to the caller, what it is when nobody answers.
        await pool.close()
        answer = await client.get("/readyz")
        assert_error(answer, 503, "not_ready")
        assert answer.headers["retry-after"] == "5"
        assert (await client.get("/healthz")).json() == {"status": "ok"}


async def test_a_database_that_does_not_answer(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = await open_pool(database, max_size=1)
    try:
        async with (
            serve(create_app(make_context(pool))) as url,
            open_client(base_url=url) as client,
        ):
            with monkeypatch.context() as patch:
                patch.setattr(health, "DATABASE_TIMEOUT_SECONDS", 0.2)
                async with pool.acquire():
                    assert_error(await client.get("/readyz"), 503, "not_ready")
            assert (await client.get("/readyz")).status_code == 200
    finally:
        await asyncio.wait_for(pool.close(), PATIENCE_SECONDS)
