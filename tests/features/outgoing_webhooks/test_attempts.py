"""What crosses an attempt that is under way, and what an attempt finds that comes late."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from tests.factories.accounts import make_account
from tests.factories.catalog import make_product
from tests.factories.deliveries import delivery_of, make_endpoint, publish_event
from tests.factories.orders import make_order
from tests.support.contexts import make_context
from tests.support.listener import Listener, http_reply, open_listener

from licet.db.pool import Pool
from licet.http.context import Context
from licet.kit.times import wall_now
from licet.outgoing_webhooks import attempt_store
from licet.outgoing_webhooks.jobs import MAX_PER_ENDPOINT, delivery_jobs
from licet.outgoing_webhooks.retries import DELIVERY_RETRY, ENDPOINT_BACKOFF
from licet.outgoing_webhooks.transport.allowed_targets import AllowedTargets
from licet.outgoing_webhooks.transport.sender import WebhookSender
from licet.queue.jobs import Job

LONG_AGO = timedelta(days=30)


@dataclass
class Post:
    """One delivery on its way to a listener, at a time that a test sets."""

    context: Context
    listener: Listener
    job: Job
    endpoint: UUID
    delivery: UUID
    now: datetime

    async def deliver(self, delivery: UUID | None = None) -> None:
        """One attempt, as a worker makes it."""
        await self.job.run(str(delivery or self.delivery))

    async def another(self) -> UUID:
        """Another delivery to the same endpoint, about the same order."""
        about = await about_of(self)
        event = await publish_event(self.context, "checkout.completed", about=about)
        return await delivery_of(self.context, self.endpoint, event)

    async def due(self) -> Sequence[str]:
        """What a worker is handed over now."""
        assert self.job.due is not None
        return await self.job.due(self.now)

    async def row(self, delivery: UUID | None = None) -> dict[str, Any]:
        row = await self.context.pool.fetchrow("SELECT * FROM deliveries WHERE id = $1", delivery or self.delivery)
        return dict(row) if row else {}

    async def health(self) -> dict[str, Any]:
        row = await self.context.pool.fetchrow("SELECT * FROM webhook_endpoints WHERE id = $1", self.endpoint)
        return dict(row) if row else {}

    async def set(self, table: str, **values: Any) -> None:
        names = ", ".join(f"{name} = ${number}" for number, name in enumerate(values, 1))
        await self.context.pool.execute(f"UPDATE {table} SET {names}", *values.values())

    async def during(self, status: int, **values: Any) -> None:
        """An attempt that ends with this status, and what an operator changes of the endpoint while it is under way."""
        asked, go = asyncio.Event(), asyncio.Event()

        async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.set()
            await go.wait()
            await http_reply(status)(reader, writer)

        self.listener.reply = reply
        attempt, waiting = asyncio.create_task(self.deliver()), asyncio.create_task(asked.wait())
        await asyncio.wait([attempt, waiting], return_when=asyncio.FIRST_COMPLETED)
        assert asked.is_set(), await self.row()
        await self.set("webhook_endpoints", **values)
        go.set()
        await attempt


@pytest_asyncio.fixture
async def post(pool: Pool) -> AsyncIterator[Post]:
    context = make_context(pool)
    async with open_listener() as listener, WebhookSender(AllowedTargets.parse(["127.0.0.1"])) as courier:
        endpoint = await make_endpoint(context, url=f"http://127.0.0.1:{listener.port}/")
        product = await make_product(context)
        order = await make_order(context, await make_account(context), [product])
        event = await publish_event(context, "checkout.completed", about={"orderId": str(order.id)})
        delivery = await delivery_of(context, endpoint, event)
        made = Post(context, listener, delivery_jobs(context, courier)[0], endpoint, delivery, wall_now())
        timed = replace(context, now=lambda: made.now)
        made.context, made.job = timed, delivery_jobs(timed, courier)[0]
        yield made
        await context.stripe.close()


async def test_a_replay_during_the_last_attempt_is_not_lost(post: Post) -> None:
    await post.set("deliveries", attempts=len(DELIVERY_RETRY.waits))
    claimed = await attempt_store.claim_delivery(
        post.context.pool, post.delivery, post.now, post.now + timedelta(minutes=2)
    )
    assert claimed is not None
    assert claimed.attempts == len(DELIVERY_RETRY.waits) + 1
    await post.set("deliveries", attempts=0, status="pending", due_at=post.now)
    async with post.context.pool.acquire() as conn:
        await attempt_store.mark_attempt_failed(conn, claimed, status=500, error="answered 500", again_at=None)
    row = await post.row()
    assert (row["status"], row["attempts"], row["due_at"]) == ("pending", 0, post.now)
    post.listener.reply = http_reply(204)
    await post.deliver()
    assert (await post.row())["status"] == "delivered"


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"url": "https://elsewhere.example/"}, id="another address"),
        pytest.param({"failing_since": None}, id="enabled anew"),
    ],
)
async def test_old_trouble_disables_nobody_who_was_mended_meanwhile(post: Post, changed: dict[str, Any]) -> None:
    await post.set("webhook_endpoints", failing_since=post.now - LONG_AGO)
    await post.during(500, **changed)
    health = await post.health()
    assert health["disabled_at"] is None
    assert (await post.row())["due_at"] == post.now + DELIVERY_RETRY.waits[0]
    if "url" in changed:
        assert health["failing_since"] == post.now - LONG_AGO
    else:
        assert health["failing_since"] == post.now


async def test_who_disabled_it_himself_is_told_nothing(post: Post) -> None:
    await post.set("webhook_endpoints", failing_since=post.now - LONG_AGO)
    await post.during(500, disabled_at=post.now, disabled_because="operator")
    assert (await post.health())["disabled_because"] == "operator"
    assert await post.context.pool.fetchval("SELECT count(*) FROM emails") == 0
    assert (await post.row())["status"] == "pending"
    post.now += DELIVERY_RETRY.waits[0]
    await post.deliver()
    row = await post.row()
    assert (row["status"], row["error"], row["due_at"]) == ("failed", "answered 500", None)
    assert len(post.listener.requests) == 1


async def test_two_workers_make_one_attempt(post: Post) -> None:
    await asyncio.gather(*(post.deliver() for _ in range(5)))
    assert len(post.listener.requests) == 1
    assert (await post.row())["attempts"] == 1


async def test_where_nobody_answers_the_others_wait_uncounted(post: Post) -> None:
    other = await post.another()
    post.listener.reply = None
    await post.deliver()
    failed, health = await post.row(), await post.health()
    assert (failed["response_status"], failed["attempts"]) == (None, 1)
    assert (health["unreachable"], health["rests_until"]) == (1, post.now + ENDPOINT_BACKOFF.waits[0])
    await post.deliver(other)
    assert (await post.row(other))["attempts"] == 0
    assert await post.due() == []
    # It comes back: all that waited arrives, and it is well again.
    post.now += ENDPOINT_BACKOFF.waits[0]
    assert await post.due() == [str(other), str(post.delivery)]
    post.listener.reply = http_reply(200)
    await post.deliver(other)
    health = await post.health()
    assert (health["unreachable"], health["rests_until"], health["failing_since"]) == (0, None, None)


async def test_a_slow_endpoint_gets_some_at_once_and_holds_up_nobody(post: Post) -> None:
    others = [await post.another() for _ in range(MAX_PER_ENDPOINT + 2)]
    quick = await make_endpoint(post.context, url=f"http://127.0.0.1:{post.listener.port}/quick")
    event = await publish_event(post.context, "checkout.completed", about=await about_of(post))
    to_quick = await delivery_of(post.context, quick, event)
    go, arrived = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = post.listener.requests[-1]
        if b"/quick" not in head:
            arrived.release()
            await go.wait()
        await http_reply(200)(reader, writer)

    post.listener.reply = slow
    under_way = [asyncio.create_task(post.deliver(one)) for one in (post.delivery, *others)]
    for _ in range(MAX_PER_ENDPOINT):
        await arrived.acquire()
    await eventually_done(under_way, 3)
    assert len(post.listener.requests) == MAX_PER_ENDPOINT
    # What waits is due still: so many of it are looked at as may go at once, and all of the other endpoint's.
    assert len(await post.due()) == 3 + 2
    await post.deliver(to_quick)
    assert (await post.row(to_quick))["status"] == "delivered"
    go.set()
    await asyncio.gather(*under_way)
    for one in await post.due():
        await post.deliver(UUID(one))
    rows = [await post.row(one) for one in (post.delivery, *others)]
    assert {(row["status"], row["attempts"]) for row in rows} == {("delivered", 1)}


async def eventually_done(tasks: Sequence["asyncio.Task[None]"], number: int) -> None:
    """Wait until so many of them have ended."""
    pending = set(tasks)
    while len(tasks) - len(pending) < number:
        _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)


async def test_after_silence_it_is_tried_with_one(post: Post) -> None:
    other = await post.another()
    await post.set("webhook_endpoints", unreachable=3, failing_since=post.now)
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await go.wait()
        await http_reply(200)(reader, writer)

    post.listener.reply = slow
    probe = asyncio.create_task(post.deliver())
    await asked.wait()
    await post.deliver(other)
    assert (await post.row(other))["attempts"] == 0
    go.set()
    await probe
    await post.deliver(other)
    assert (await post.row(other))["status"] == "delivered"


async def test_a_fault_of_ours_says_nothing_of_the_endpoint(post: Post) -> None:
    await post.set("webhook_endpoints", secret_encrypted=b"closed by a key that is gone")
    await post.deliver()
    row, health = await post.row(), await post.health()
    assert (row["status"], row["attempts"], row["due_at"]) == ("pending", 1, post.now + DELIVERY_RETRY.waits[0])
    assert row["error"] == "rendering failed: InvalidToken; see the log"
    assert (health["failing_since"], health["unreachable"], health["rests_until"]) == (None, 0, None)


async def test_cut_off_it_is_handed_back_and_was_no_attempt(post: Post) -> None:
    asked = asyncio.Event()

    async def never(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.Event().wait()

    post.listener.reply = never
    attempt = asyncio.create_task(post.deliver())
    await asked.wait()
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    row = await post.row()
    assert (row["status"], row["attempts"], row["due_at"]) == ("pending", 0, post.now)
    post.listener.reply = http_reply(200)
    await post.deliver()
    assert (await post.row())["status"] == "delivered"


async def test_a_success_clears_what_a_failure_wrote_meanwhile(post: Post) -> None:
    await post.during(200, failing_since=post.now, unreachable=1, rests_until=post.now + ENDPOINT_BACKOFF.waits[0])
    health = await post.health()
    assert (health["failing_since"], health["unreachable"], health["rests_until"]) == (None, 0, None)


async def test_disabling_keeps_why_each_had_failed(post: Post) -> None:
    untried = await post.another()
    post.listener.reply = http_reply(500)
    await post.deliver()
    post.now += DELIVERY_RETRY.waits[0]
    post.listener.reply = http_reply(410)
    third = await post.another()
    await post.deliver(third)
    errors = {(await post.row(one))["error"] for one in (post.delivery, third)}
    assert errors == {"answered 500", "answered 410"}
    assert (await post.row(untried))["error"] == "the endpoint was disabled"


async def about_of(post: Post) -> dict[str, Any]:
    about: dict[str, Any] = await post.context.pool.fetchval("SELECT about FROM outgoing_events LIMIT 1")
    return about


async def test_of_a_burst_that_finds_nobody_one_counts(post: Post) -> None:
    others = [await post.another() for _ in range(MAX_PER_ENDPOINT - 1)]
    hold = asyncio.Event()
    arrived = 0

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        arrived += 1
        if arrived == MAX_PER_ENDPOINT:
            hold.set()
        await hold.wait()
        writer.close()

    post.listener.reply = hang_up
    await asyncio.gather(*(post.deliver(one) for one in (post.delivery, *others)))
    health = await post.health()
    assert arrived == MAX_PER_ENDPOINT
    assert (health["unreachable"], health["rests_until"]) == (1, post.now + ENDPOINT_BACKOFF.waits[0])


async def test_a_worker_that_never_came_back_is_followed_by_another(post: Post) -> None:
    until = post.now + timedelta(minutes=2)
    assert await attempt_store.claim_delivery(post.context.pool, post.delivery, post.now, until) is not None
    await post.deliver()
    assert post.listener.requests == []
    post.now = until
    await post.deliver()
    row = await post.row()
    assert (row["status"], row["attempts"]) == ("delivered", 2)


async def test_what_it_tells_of_is_gone(post: Post) -> None:
    event = await publish_event(post.context)
    lost = await delivery_of(post.context, post.endpoint, event)
    await post.deliver(lost)
    row = await post.row(lost)
    assert (row["status"], row["error"]) == ("failed", "the object that the event is about no longer exists")
    assert post.listener.requests == []


async def test_an_orphan_is_dropped(post: Post) -> None:
    await post.context.pool.execute("DELETE FROM webhook_endpoints")
    await post.deliver()
    assert await post.row() == {}
    # And once more: there is nothing left to do.
    await post.deliver()
