"""A worker: runs jobs as they are enqueued, and enqueues what is due in business time every second."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta

import asyncpg
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import FailingListenerError
from pgqueuer.domain.models import Job as QueuedJob

from licet.db import pool as limits
from licet.db.unavailable import DATABASE_AWAY
from licet.kit.times import Now
from licet.queue.jobs import Job, enqueue
from licet.queue.store import prune_log

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0
RECONNECT_SECONDS = 2.0
JOB_TIMEOUT_SECONDS = 120.0
PRUNE_SECONDS = 3600.0
BATCH_SIZE = 10
CLOSE_TIMEOUT_SECONDS = 0.2


class Worker:
    """Runs `jobs` until it is stopped. Any number of workers may share one database.

    dsn: a direct connection (LISTEN does not pass through a transaction pooler). max_jobs: how many jobs the
    worker runs at the same time.
    """

    def __init__(self, dsn: str, pool: asyncpg.Pool, jobs: Sequence[Job], now: Now, *, max_jobs: int = 20) -> None:
        self._dsn = dsn
        self._max_jobs = max_jobs
        self._under_way: set[asyncio.Task[None]] = set()
        self._pool = pool
        self._jobs = jobs
        self._now = now
        self._stopping = asyncio.Event()
        self._manager: QueueManager | None = None

    async def run(self) -> None:
        """Run jobs until `stop` is called; a lost connection is opened again."""
        ticker = asyncio.create_task(self._tick_forever())
        pruner = asyncio.create_task(self._prune_log_forever())
        try:
            while not self._stopping.is_set():
                try:
                    await self._work()
                except (*DATABASE_AWAY, FailingListenerError) as lost:
                    log.warning("worker_lost_database", error=type(lost).__name__, retry_seconds=RECONNECT_SECONDS)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._stopping.wait(), RECONNECT_SECONDS)
        finally:
            for task in (ticker, pruner):
                task.cancel()
            await asyncio.gather(ticker, pruner, return_exceptions=True)

    async def stop(self, *, cut_off: bool = False) -> None:
        """Take no more jobs; `run` returns when those under way are done. cut_off: cancel those under way."""
        self._stopping.set()
        if self._manager is not None:
            self._manager.shutdown.set()
        if cut_off:
            for task in self._under_way:
                task.cancel()

    async def hand_over_due(self) -> None:
        """Enqueue everything that is due: on every tick, and when the sandbox's clock was advanced."""
        now = self._now()
        for job in self._jobs:
            if job.due is None:
                continue
            keys = await job.due(now)
            if keys:
                async with self._pool.acquire() as conn, conn.transaction():
                    await enqueue(conn, job.entrypoint, *keys)

    async def _tick_forever(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.hand_over_due()
            except DATABASE_AWAY as lost:
                log.warning("ticker_lost_database", error=type(lost).__name__)
            except Exception:
                # An error in one feature must not keep the others' work from being enqueued.
                log.exception("tick_failed")
            await asyncio.sleep(TICK_SECONDS)

    async def _prune_log_forever(self) -> None:
        """pgqueuer logs every job and never deletes a line; a week of them is enough to see what happened."""
        while not self._stopping.is_set():
            try:
                await prune_log(self._pool)
            except DATABASE_AWAY as lost:
                log.warning("pruning_lost_database", error=type(lost).__name__)
            await asyncio.sleep(PRUNE_SECONDS)

    async def _work(self) -> None:
        # A connection of its own, without the JSON codecs of the pool: pgqueuer decodes its JSON itself.
        connection = await asyncpg.connect(
            self._dsn,
            timeout=limits.ACQUIRE_TIMEOUT_SECONDS,
            command_timeout=limits.COMMAND_TIMEOUT_SECONDS,
            server_settings={"application_name": "licet-worker"},
        )
        try:
            manager = QueueManager(Queries(AsyncpgDriver(connection)))
            for job in self._jobs:
                self._register(manager, job)
            self._manager = manager
            if self._stopping.is_set():
                return
            await manager.run(
                dequeue_timeout=timedelta(seconds=10),
                batch_size=min(BATCH_SIZE, self._max_jobs // 2),  # pgqueuer allows at most half of the jobs
                max_concurrent_tasks=self._max_jobs,
                shutdown_on_listener_failure=True,
            )
        finally:
            self._manager = None
            try:
                await connection.close(timeout=CLOSE_TIMEOUT_SECONDS)
            except (TimeoutError, *DATABASE_AWAY):
                # A database that does not answer must not keep the worker from stopping.
                connection.terminate()

    def _register(self, manager: QueueManager, job: Job) -> None:
        @manager.entrypoint(job.entrypoint)
        async def run(queued: QueuedJob) -> None:
            key = (queued.payload or b"").decode()
            task = asyncio.create_task(_run(job, key))
            self._under_way.add(task)
            try:
                # A job that is cut off counts as ended: its row is still due, and the next worker runs it.
                await asyncio.wait([task])
            except asyncio.CancelledError:
                # The job releases what it holds before the worker ends and its connections are closed.
                task.cancel()
                await asyncio.wait([task])
                raise
            finally:
                self._under_way.discard(task)


async def _run(job: Job, key: str) -> None:
    try:
        # A job that hangs would keep the worker from reconnecting after a lost connection.
        async with asyncio.timeout(JOB_TIMEOUT_SECONDS):
            await job.run(key)
    except Exception:
        # pgqueuer drops a job that raised. Its row is still due, so it is enqueued again on the next tick.
        log.exception("job_failed", entrypoint=job.entrypoint, key=key)
