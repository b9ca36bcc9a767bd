"""Kept answers go when their day is over."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from licet.http.context import Context
from licet.idempotency import store
from licet.kit.times import wall_now
from licet.queue.jobs import Job

FORGET = "forget_answers"

GATHER = timedelta(minutes=10)
"""An expired answer is no longer given; that it is removed may wait, so that no job is made for each."""


def idempotency_jobs(context: Context) -> list[Job]:
    """The one kind of deferred work there is here. It follows wall time, as the keys do."""

    async def run(_: str) -> None:
        while await store.delete_expired(context.pool, wall_now()) == store.BATCH:
            pass

    async def due(_: datetime) -> Sequence[str]:
        return ["expired"] if await store.some_expired(context.pool, wall_now() - GATHER) else []

    return [Job(FORGET, run, due)]
