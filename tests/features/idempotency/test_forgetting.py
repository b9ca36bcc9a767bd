"""The job that removes what has expired, in batches."""

from datetime import timedelta

import pytest
from tests.support.keyed import count

from licet.db.pool import Pool
from licet.http.context import Context
from licet.idempotency import store
from licet.idempotency.core import KeyedRequest
from licet.idempotency.jobs import idempotency_jobs
from licet.kit.times import wall_now


async def fill(pool: Pool, many: int, hours_ago: float) -> None:
    began = wall_now() - timedelta(hours=hours_ago)
    for n in range(many):
        claim = await store.claim_request(
            pool, KeyedRequest(f"{hours_ago}-{n}", "key:1", None, "POST", "/", "", None), began
        )
        assert claim is not None
        assert await store.store_response(pool, claim, 201, b"closed")


async def test_what_has_expired_goes_and_no_more(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "DELETE_BATCH_SIZE", 3)
    (job,) = idempotency_jobs(context)
    assert job.due is not None
    await fill(context.pool, 2, 23)
    assert await job.due(context.now()) == []
    await fill(context.pool, 1, 24.01)
    # They gather, so that there is not a job for each.
    assert await job.due(context.now()) == []
    await fill(context.pool, 7, 25)
    (key,) = await job.due(context.now())
    await job.run(key)
    assert await count(context.pool, "idempotency_keys") == 2
    assert await job.due(context.now()) == []
    await job.run(key)
    assert await count(context.pool, "idempotency_keys") == 2


async def test_a_try_that_comes_too_late_writes_nothing(pool: Pool) -> None:
    asked, began = KeyedRequest("k", "key:1", None, "POST", "/", "", None), wall_now()
    first = await store.claim_request(pool, asked, began)
    assert first is not None
    assert await store.claim_request(pool, asked, began + timedelta(seconds=59)) is None
    second = await store.claim_request(pool, asked, began + timedelta(seconds=60))
    assert second is not None
    assert (second.made_id, second.tries) == (first.made_id, 2)
    await store.release_claim(pool, first)
    assert await store.claim_request(pool, asked, began + timedelta(seconds=61)) is None
    assert not await store.store_response(pool, first, 201, b"late")
    assert await store.store_response(pool, second, 201, b"closed")
    assert not await store.store_response(pool, first, 500, b"late")
    found = await store.find_request(pool, asked.hash)
    assert found is not None
    assert (found.status, found.answer) == (201, b"closed")
