"""What a key costs: two statements, each along an index; without one, nothing."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from tests.support.face import Face
from tests.support.keyed import ACCOUNTS, account, post

from licet.idempotency import store
from licet.idempotency.core import KeyedRequest
from licet.idempotency.jobs import idempotency_jobs
from licet.kit.times import wall_now

Asked = list[tuple[str, Any]]

AROUND = ("BEGIN;", "COMMIT;")


@pytest_asyncio.fixture
async def asked(face: Face) -> AsyncIterator[Asked]:
    """Every statement that the application sends, but for the pool's own cleaning up."""
    found: Asked = []

    def note(record: Any) -> None:
        if "RESET ALL" not in record.query:
            found.append((record.query.strip(), record.args))

    connections = [await face.context.pool.acquire() for _ in range(face.context.pool.get_max_size())]
    for conn in connections:
        conn.add_query_logger(note)
        await face.context.pool.release(conn)
    found.clear()
    yield found


def about_keys(asked: Asked) -> Asked:
    return [one for one in asked if "idempotency_keys" in one[0]]


async def test_two_statements_and_without_a_key_none(face: Face, asked: Asked) -> None:
    await face.post(ACCOUNTS, json=account())
    without = [query for query, _ in asked]
    assert "BEGIN;" not in without
    asked.clear()
    await post(face, ACCOUNTS, "k", account())
    first = [query for query, _ in asked]
    assert [one for one in first if "idempotency_keys" not in one and one not in AROUND] == without
    assert [one.split()[0] for one, _ in about_keys(asked)] == ["INSERT", "UPDATE"]
    asked.clear()
    await post(face, ACCOUNTS, "k", account())
    assert [one.split()[0] for one, _ in about_keys(asked)] == ["INSERT", "SELECT"]
    assert len(asked) == 3


async def test_along_an_index(face: Face, asked: Asked) -> None:
    pool = face.context.pool
    await post(face, ACCOUNTS, "k", account())
    await post(face, ACCOUNTS, "k", account())
    (job,) = idempotency_jobs(face.context)
    assert job.due is not None
    await job.due(wall_now())
    await job.run("expired")
    claim = await store.claim_request(pool, SOME, wall_now())
    assert claim is not None
    await store.release_claim(pool, claim)
    by_key, by_time = "idempotency_keys_pkey", "idempotency_keys_expired"
    seen = set()
    for query, arguments in about_keys(asked):
        async with pool.acquire() as conn, conn.transaction():
            await conn.execute("SET LOCAL enable_seqscan = off")
            await conn.execute("SET LOCAL enable_sort = off")
            await conn.execute("SET LOCAL enable_bitmapscan = off")
            plan = "\n".join(row[0] for row in await conn.fetch(f"EXPLAIN {query}", *arguments))
        verb = query.split()[0]
        seen.add(verb)
        expected = (
            f"Conflict Arbiter Indexes: {by_key}" if verb == "INSERT" else by_time if EXPIRES in query else by_key
        )
        assert expected in plan, plan
        assert "Seq Scan" not in plan, plan
        assert "Sort" not in plan, plan
    assert seen == {"INSERT", "SELECT", "UPDATE", "DELETE"}


EXPIRES = "WHERE expires_at"
SOME = KeyedRequest("other", "key:1", None, "POST", "/", "", None)
