"""Jobs: retry failed events, and read from Stripe what event payloads left open."""

from collections.abc import Sequence
from datetime import datetime

from licet.http.context import Context
from licet.queue import refresh_store
from licet.queue.jobs import Job
from licet.stripe_events import store
from licet.stripe_events.receive import retry_event
from licet.stripe_events.refresh import run_refresh


def stripe_event_jobs(context: Context) -> list[Job]:
    """The jobs that retry events and run refreshes."""

    async def retry(key: str) -> None:
        await retry_event(context, key)

    async def retries_due(now: datetime) -> Sequence[str]:
        async with context.pool.acquire() as conn:
            return await store.list_due(conn, now)

    async def read(key: str) -> None:
        await run_refresh(context, refresh_store.parse_key(key))

    async def reads_due(now: datetime) -> Sequence[str]:
        async with context.pool.acquire() as conn:
            return await refresh_store.list_due_refreshes(conn, now)

    return [Job("retry_event", retry, retries_due), Job(refresh_store.ENTRYPOINT, read, reads_due)]
