"""The job that deletes expired responses."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from licet.http.context import Context
from licet.idempotency import store
from licet.kit.times import wall_now
from licet.queue.jobs import Job

DELETE_EXPIRED_JOB = "delete_expired_responses"

DELETION_DELAY = timedelta(minutes=10)
"""How long after its expiry a response may stay, so that one job deletes many. It is not returned after its expiry."""


def idempotency_jobs(context: Context) -> list[Job]:
    """The job that deletes expired responses. It uses wall time, as the expiry of keys does."""

    async def run(_: str) -> None:
        while await store.delete_expired(context.pool, wall_now()) == store.DELETE_BATCH_SIZE:
            pass

    async def due(_: datetime) -> Sequence[str]:
        return ["expired"] if await store.has_expired(context.pool, wall_now() - DELETION_DELAY) else []

    return [Job(DELETE_EXPIRED_JOB, run, due)]
