"""A failed event is retried with backoff until the last try; then an operator must replay it."""

from datetime import datetime, timedelta
from typing import Any

from tests.features.stripe_events.test_receive import break_products, event
from tests.support.contexts import make_context

from licet.db.pool import Pool
from licet.kit.times import wall_now
from licet.stripe_events.jobs import stripe_event_jobs
from licet.stripe_events.receive import EventFailed, receive_event
from licet.stripe_events.retries import EVENT_RETRY


class Clock:
    """Business time that a test advances."""

    def __init__(self) -> None:
        self.at = wall_now()

    def now(self) -> datetime:
        return self.at


async def test_with_backoff_until_the_last_try(pool: Pool) -> None:
    clock = Clock()
    context = make_context(pool, now=clock.now)
    (retry,) = [job for job in stripe_event_jobs(context) if job.entrypoint == "retry_event"]
    assert retry.due is not None
    await break_products(pool)
    try:
        await receive_event(context, event())
        raise AssertionError("it was applied")
    except EventFailed:
        pass
    for waited in EVENT_RETRY.waits:
        assert await retry.due(clock.at + waited - timedelta(seconds=1)) == []
        clock.at += waited
        assert await retry.due(clock.at) == ["evt_1"]
        await retry.run("evt_1")
    row = await pool.fetchrow("SELECT outcome, attempts, retry_at FROM events")
    assert row is not None
    assert tuple(row) == ("failed", len(EVENT_RETRY.waits) + 1, None)


async def test_a_retry_applies_once_and_then_leaves_it_alone(pool: Pool) -> None:
    clock = Clock()
    context = make_context(pool, now=clock.now)
    (retry,) = [job for job in stripe_event_jobs(context) if job.entrypoint == "retry_event"]
    await break_products(pool)
    try:
        await receive_event(context, event())
        raise AssertionError("it was applied")
    except EventFailed:
        pass
    await pool.execute("ALTER TABLE products DROP CONSTRAINT broken")
    for _ in range(2):
        await retry.run("evt_1")
    row = await pool.fetchrow("SELECT outcome, attempts, error, retry_at FROM events")
    assert row is not None
    assert tuple(row) == ("applied", 2, None, None)
    facts: dict[str, Any] = dict((await pool.fetch("SELECT name FROM products"))[0])
    assert facts == {"name": "Anvil"}
