"""Whether the process lives and whether it can serve: `/healthz`, `/readyz`."""

import asyncio
from typing import Literal

import asyncpg
from fastapi import Request
from pydantic import Field

from licet.accounts.credentials import identify
from licet.admin.store import backlog
from licet.db.migrate import schema_is_current
from licet.db.pool import Pool
from licet.errors import Forbidden, NotReady
from licet.http.context import Ctx
from licet.http.credentials import presented
from licet.http.openapi.document import responses
from licet.http.router import api_router
from licet.http.shapes import At, ResponseBody
from licet.startup_error import StartupError

router = api_router(tag="health")

DATABASE_ANSWERS_WITHIN_SECONDS = 2.0


class Alive(ResponseBody):
    """The process answers."""

    status: Literal["ok"]


class Waiting(ResponseBody):
    """Work that is due and not done. `oldestAt` null: nothing waits."""

    count: int = Field(examples=[0])
    oldest_at: At | None = Field(examples=[None])


class Queue(ResponseBody):
    """Jobs that are due. `oldestSeconds`: how long the oldest has waited for a worker; null: nothing waits."""

    waiting: int = Field(examples=[1])
    oldest_seconds: float | None = Field(examples=[0.4])


class Checks(ResponseBody):
    """How the work is doing. None of it makes a process unready: another process would find the same."""

    queue: Queue
    refreshes: Waiting = Field(description="Objects to be read from Stripe.")
    failed_events: Waiting = Field(description="They are tried again, and at last wait for an operator's replay.")
    parked_events: Waiting


class Ready(ResponseBody):
    """The process can serve. `checks` is for operators alone."""

    status: Literal["ready"]
    checks: Checks | None = None


@router.get("/healthz", summary="Does the process live?")
async def healthz() -> Alive:
    """Asks nothing of anybody else, so that a database that is away gets no process killed."""
    return Alive(status="ok")


@router.get(
    "/readyz",
    summary="Can it serve?",
    response_model_exclude_unset=True,
    openapi_extra={"security": [{}, {"bearer": []}, {"apiKey": []}]},
    responses=responses(401, 403, not_ready=(503, "The database cannot be reached. Check that PostgreSQL runs.")),
)
async def readyz(request: Request, ctx: Ctx) -> Ready:
    """Whether the database can be reached and its schema is this version's; with an operator's key, how the work is."""
    await _check_database(ctx.pool)
    credential = presented(request.headers)
    if credential is None:
        return Ready(status="ready")
    if not (await identify(request, credential)).may("admin"):
        raise Forbidden("The details need an operator's API key; without a key there is a short answer.")
    async with ctx.pool.acquire() as conn:
        found = await backlog(conn)
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
    """Raises NotReady, saying what to look at."""
    try:
        async with asyncio.timeout(DATABASE_ANSWERS_WITHIN_SECONDS), pool.acquire() as conn:
            current = await schema_is_current(conn)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        # TimeoutError is an OSError.
        raise NotReady("The database cannot be reached. Check that PostgreSQL runs.", retry_after_seconds=5) from None
    except StartupError as error:
        raise NotReady(str(error)) from None
    if not current:
        raise NotReady("The database's schema is of another version. Run licet migrate.", retry_after_seconds=5)
