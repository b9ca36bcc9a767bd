"""A worker that stops: jobs under way end by themselves, or are cut off, and give back what they hold first."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest_asyncio

from licet.db.pool import Pool
from licet.kit.times import wall_now
from licet.queue.jobs import Job, enqueue
from licet.queue.worker import Worker


@dataclass
class Work:
    """One job, which waits to be let go, and needs a moment where it is not."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    ended: str = "not at all"

    async def run(self, _: str) -> None:
        self.begun.set()
        try:
            await self.go.wait()
            self.ended = "done"
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            self.ended = "given back"
            raise


@dataclass
class Running:
    work: Work
    worker: Worker
    task: "asyncio.Task[None]"


@pytest_asyncio.fixture
async def running(database: str, pool: Pool) -> AsyncIterator[Running]:
    """A worker in the middle of its job."""
    work = Work()
    worker = Worker(database, pool, [Job("work", work.run)], wall_now)
    task = asyncio.create_task(worker.run())
    async with pool.acquire() as conn, conn.transaction():
        await enqueue(conn, "work", "key")
    await work.begun.wait()
    yield Running(work, worker, task)
    assert task.done()


async def test_told_to_stop_it_finishes_what_it_does(running: Running) -> None:
    await running.worker.stop()
    running.work.go.set()
    await running.task
    assert running.work.ended == "done"


async def test_cut_off_the_job_gives_back_and_counts_as_ended(running: Running, pool: Pool) -> None:
    await running.worker.stop(cut_off=True)
    await running.task
    assert running.work.ended == "given back"
    assert await pool.fetchval("SELECT count(*) FROM pgqueuer") == 0


async def test_cancelled_it_is_gone_only_after_its_job_has_given_back(running: Running) -> None:
    """As a node that stops does it: told first, and cancelled where its job takes too long."""
    await running.worker.stop()
    await asyncio.wait([running.task], timeout=0.2)
    running.task.cancel()
    await asyncio.wait([running.task])
    assert running.work.ended == "given back"
