"""Jobs that do what is due in a table, and postpone what fails."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from licet.db.pool import Pool
from licet.errors import LicetError
from licet.kit.redact import error_line
from licet.kit.retry import Retry
from licet.kit.times import Now
from licet.queue.jobs import Job
from licet.queue.store import DueTable

log = structlog.get_logger(__name__)

ERROR_LENGTH = 500
"""The most characters of an error that are kept."""


def due_job(
    entrypoint: str,
    table: DueTable,
    run: Callable[[str], Awaitable[None]],
    retry: Retry,
    *,
    pool: Pool,
    now: Now,
) -> Job:
    """The job that runs `run` for each row of `table` that is due, and postpones the row if `run` raises.

    run: does the work that a job's key names, and removes the row or its time when the work is done. It must be safe to
    repeat. now: business time.
    """

    async def run_or_postpone(key: str) -> None:
        try:
            await run(key)
        except LicetError as error:
            await postpone(key, f"{error.code}: {error.message}")
        except Exception as error:
            # A defect in Licet, or an answer that it does not understand. Unless the row is postponed, it stays due and
            # is tried again every second.
            log.exception("job_raised", entrypoint=entrypoint, key=key)
            await postpone(key, type(error).__name__)

    async def postpone(key: str, error: str) -> None:
        again_at = retry.again_at(now(), await table.count_attempts(pool, key))
        await table.postpone(pool, key, again_at, error_line(error, ERROR_LENGTH))
        log.warning("job_postponed", entrypoint=entrypoint, key=key, error=error, again_at=again_at)

    async def due(at: datetime) -> Sequence[str]:
        return await table.list_due(pool, at)

    return Job(entrypoint, run_or_postpone, due)
