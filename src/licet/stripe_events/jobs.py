"""Jobs: retry failed events, and read from Stripe what event payloads do not contain."""

from functools import partial

from licet.http.context import Context
from licet.kit.retry import Retry
from licet.queue import refresh_store
from licet.queue.due import due_job
from licet.queue.jobs import Job
from licet.stripe_events.receive import retry_event
from licet.stripe_events.refresh import run_refresh
from licet.stripe_events.store import FAILED_EVENTS

REFRESH_RETRY = Retry(seconds=(5, 30, 120, 600, 3600))
"""When a failed read is tried again."""


def stripe_event_jobs(context: Context) -> list[Job]:
    """The jobs that retry events and run refreshes."""

    async def read(key: str) -> None:
        await run_refresh(context, refresh_store.parse_key(key))

    return [
        # Not a `due_job`: `receive_event` makes the first try without a job, so each try records its own failure.
        Job("retry_event", partial(retry_event, context), partial(FAILED_EVENTS.list_due, context.pool)),
        due_job(
            refresh_store.ENTRYPOINT, refresh_store.REFRESHES, read, REFRESH_RETRY, pool=context.pool, now=context.now
        ),
    ]
