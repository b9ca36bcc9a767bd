"""Liveness and readiness checks: `/healthz`, `/readyz`."""

import asyncio
from typing import Literal

import asyncpg
from fastapi import Request
from pydantic import Field

from licet.accounts.credentials import authenticate_caller
from licet.admin.store import read_backlog
from licet.db.migrate import schema_is_current
from licet.db.pool import Pool
from licet.errors import Forbidden, NotReady
from licet.http.context import Ctx
from licet.http.credentials import find_credential
from licet.http.openapi.document import responses
from licet.http.router import any_query, api_router
from licet.http.shapes import At, ResponseBody
from licet.startup_error import StartupError

router = api_router(tag="health")

DATABASE_TIMEOUT_SECONDS = 2.0


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

    It does not use the database, so an outage restarts no process. It ignores a query: in a trial it serves as the page
    that buyers return to.
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
    """Reports whether the database is reachable and has the schema of this version.

    With an operator's key the response includes the pending work.
    """
    await _check_database(ctx.pool)
    credential = find_credential(request.headers)
    if credential is None:
        return Ready(status="ready")
    if not (await authenticate_caller(request, credential)).may("admin"):
        raise Forbidden(
            "The pending work is shown only to an operator's API key. Send one, or send no key for the short response."
        )
    async with ctx.pool.acquire() as conn:
        found = await read_backlog(conn)
    return Ready(
        status="ready",
        checks=Checks(
            queue=Queue(waiting=found.jobs_waiting, oldest_seconds=found.oldest_job_seconds),
            refreshes=Waiting(count=found.refreshes_waiting, oldest_at=found.oldest_refresh_due_at),
            failed_events=Waiting(count=found.events_failed, oldest_at=found.oldest_failed_at),
            parked_events=Waiting(count=found.events_waiting, oldest_at=found.oldest_waiting_at),
        ),
    )


async def _check_database(pool: Pool) -> None:
    """Raises NotReady with the reason and what to do about it."""
    try:
        async with asyncio.timeout(DATABASE_TIMEOUT_SECONDS), pool.acquire() as conn:
            current = await schema_is_current(conn)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        # TimeoutError is an OSError.
        raise NotReady("The database cannot be reached. Check that PostgreSQL runs.", retry_after_seconds=5) from None
    except StartupError as error:
        raise NotReady(str(error)) from None
    if not current:
        raise NotReady("The database has the schema of another version. Run licet migrate.", retry_after_seconds=5)
