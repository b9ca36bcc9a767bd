"""Liveness and readiness checks: `/healthz`, `/readyz`."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar

import asyncpg
from fastapi import Request
from pydantic import Field

from licet.accounts.credentials import authenticate_caller
from licet.admin.store import Backlog, read_backlog, write_heartbeat
from licet.db.migrate import schema_is_current
from licet.db.pool import Pool
from licet.errors import Forbidden, NotReady
from licet.http.context import Context, Ctx
from licet.http.credentials import find_credential
from licet.http.openapi.document import responses
from licet.http.router import any_query, api_router
from licet.http.shapes import At, ResponseBody
from licet.startup_error import StartupError

router = api_router(tag="health")

T = TypeVar("T")

_checks: set[asyncio.Task[Any]] = set()
"""The checks that have not ended, of which some are being cancelled. asyncio keeps no reference to a task."""

DATABASE_TIMEOUT_SECONDS = 1.5
"""How long a check waits for the database. The answer then arrives within 2 s, well before a probe gives up."""


class Alive(ResponseBody):
    """The process is running."""

    status: Literal["ok"]


class Waiting(ResponseBody):
    """Work that is due. `oldestAt`: since when the oldest item waits, null if there is none."""

    count: int = Field(examples=[0])
    oldest_at: At | None = Field(examples=[None])


class Queue(ResponseBody):
    """Jobs that are due. `oldestSeconds`: how long the oldest waits for a worker, null if there is none."""

    waiting: int = Field(examples=[1])
    oldest_seconds: float | None = Field(examples=[0.4])


class Checks(ResponseBody):
    """The pending work of the installation. It does not affect readiness, because all processes share it."""

    queue: Queue
    refreshes: Waiting = Field(description="Objects that must be read from Stripe.")
    failed_events: Waiting = Field(
        description="Stripe events whose handling failed. They are retried; after the last retry an operator must "
        "replay them."
    )
    parked_events: Waiting = Field(description="Stripe events that wait for their product to be in the catalogue.")


class Ready(ResponseBody):
    """The process can serve requests. `checks` is returned only to operators."""

    status: Literal["ready"]
    checks: Checks | None = None


@router.get("/healthz", summary="Check liveness")
@any_query
async def healthz() -> Alive:
    """Reports that the process is running.

    It does not use the database, so that an outage of the database restarts no process. It ignores a query: in a trial
    it serves as the page that buyers return to.
    """
    return Alive(status="ok")


@router.get(
    "/readyz",
    summary="Check readiness",
    response_model_exclude_unset=True,
    openapi_extra={"security": [{}, {"bearer": []}, {"apiKey": []}]},
    responses=responses(401, 403, not_ready=(503, "The database cannot be reached. Check that PostgreSQL runs.")),
)
async def readyz(request: Request, ctx: Ctx) -> Ready:
    """Reports whether the database is reachable, takes writes and has the schema of this version.

    With an operator's key the response includes the pending work.
    """
    await _answered(_check_database(ctx.pool))
    credential = find_credential(request.headers)
    if credential is None:
        return Ready(status="ready")
    found = await _answered(_read_backlog(request, ctx, credential))
    return Ready(
        status="ready",
        checks=Checks(
            queue=Queue(waiting=found.jobs_waiting, oldest_seconds=found.oldest_job_seconds),
            refreshes=Waiting(count=found.refreshes_waiting, oldest_at=found.oldest_refresh_due_at),
            failed_events=Waiting(count=found.events_failed, oldest_at=found.oldest_failed_at),
            parked_events=Waiting(count=found.events_waiting, oldest_at=found.oldest_waiting_at),
        ),
    )


async def _read_backlog(request: Request, ctx: Context, credential: str) -> Backlog:
    if not (await authenticate_caller(request, credential)).may("admin"):
        raise Forbidden(
            "The pending work is shown only to an operator's API key. Send one, or send no key for the short response."
        )
    async with ctx.pool.acquire() as conn:
        return await read_backlog(conn)


async def _answered(check: Coroutine[Any, Any, T]) -> T:
    """The result of a check of the database. Raises NotReady if it fails or takes too long.

    A check that takes too long is cancelled and not waited for: its cancellation waits for the same database.
    """
    task = asyncio.create_task(check)
    _checks.add(task)
    task.add_done_callback(_discard)
    try:
        done, _ = await asyncio.wait({task}, timeout=DATABASE_TIMEOUT_SECONDS)
    finally:
        task.cancel()
    if not done:
        raise NotReady("The database does not answer. Check that PostgreSQL runs.", retry_after_seconds=5)
    try:
        return task.result()
    except asyncpg.ReadOnlySQLTransactionError:
        raise NotReady("The database takes no writes. Check whether it is a standby.", retry_after_seconds=5) from None
    except asyncpg.DiskFullError:
        raise NotReady("The database takes no writes: its disk is full. Free space.", retry_after_seconds=5) from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        raise NotReady("The database cannot be reached. Check that PostgreSQL runs.", retry_after_seconds=5) from None


def _discard(task: asyncio.Task[Any]) -> None:
    _checks.discard(task)
    if not task.cancelled():
        task.exception()  # retrieved, so that asyncio does not report an abandoned check's error


async def _check_database(pool: Pool) -> None:
    """Checks the schema, then writes. Raises NotReady for another schema, else asyncpg's errors."""
    try:
        async with pool.acquire() as conn:
            current = await schema_is_current(conn)
            if current:
                await write_heartbeat(conn)
    except StartupError as error:
        raise NotReady(str(error)) from None
    if not current:
        raise NotReady("The database has the schema of another version. Run licet migrate.", retry_after_seconds=5)
