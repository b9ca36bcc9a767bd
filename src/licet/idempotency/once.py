"""`once: Once`, the parameter of a route that makes something: it accepts an `Idempotency-Key`.

    async with once.attempt(acting_for=account_id) as attempt:
        session = await ask_stripe(..., attempt.id)          # what is made outside has an id that a retry has again
        async with pool.acquire() as conn, conn.transaction():
            await write_session(conn, session)
            return await attempt.answer(conn, ShownSession(...))   # kept with what was made, or neither is

What goes wrong in the block is kept too, where it would go wrong again (`core.is_kept`). Without the header nothing is
asked of the database.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute

from licet.accounts.auth import CurrentCaller
from licet.accounts.core import Caller
from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.errors import Conflict, LicetError, Unprocessable, ValidationFailed
from licet.http.answers import Answered, answer_to
from licet.http.context import Context, Ctx
from licet.http.openapi import KEY_HEADER
from licet.http.shapes import Shown
from licet.idempotency import core, kept, store
from licet.kit.ids import new_id
from licet.kit.times import wall_now

RETRY_AFTER_SECONDS = 1


class Attempt:
    """One try to make something. id: what the thing made is to be called, the same at every try under one key."""

    def __init__(self, ctx: Context, status: int, claim: store.Claim | None) -> None:
        self.id = claim.made_id if claim else new_id()
        self.answered = False
        self._ctx = ctx
        self._status = status
        self._claim = claim

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """For a creation of one statement: in a transaction only where an answer is to be kept with it."""
        async with self._ctx.pool.acquire() as conn:
            if self._claim is None:
                yield conn
                return
            async with conn.transaction():
                yield conn

    async def answer(self, conn: Connection | Pool, shown: Shown, *, shown_once: bool = False) -> Response:
        """The route's answer, with its documented status.

        conn: in the transaction of what was made; else all that was done must be safe to do again.
        shown_once: it holds a secret; it is neither kept nor to be cached, and asking again is a 409.
        Raises Conflict where another try has taken over, so that the transaction is rolled back.
        """
        response = Response(shown.model_dump_json(), self._status, media_type="application/json")
        if shown_once:
            response.headers["Cache-Control"] = "no-store"
        self.answered = True
        if self._claim is not None:
            closed = None if shown_once else kept.close(self._ctx.keyring, response)
            if not await store.keep(conn, self._claim, self._status, closed):
                raise _in_progress()
        return response


class Once:
    """What a route with `once: Once` gets. key None: none came, and each request makes another thing."""

    def __init__(self, ctx: Context, request: Request, caller: Caller, key: str | None) -> None:
        self._ctx = ctx
        self._request = request
        self._caller = caller
        self._key = key

    @asynccontextmanager
    async def attempt(self, *, acting_for: UUID | None) -> AsyncIterator[Attempt]:
        """The try that this request is; what was answered before is answered here, and the block does not run.

        acting_for: the account that the key is scoped to; None where something is made for none.
        Raises Unprocessable idempotency_key_reused, Conflict idempotency_in_progress or idempotency_answer_not_kept.
        """
        claim = None if self._key is None else await self._claim(self._key, acting_for)
        attempt = Attempt(self._ctx, _status_of(self._request), claim)
        try:
            yield attempt
            if not attempt.answered:
                raise RuntimeError("a route that takes `once: Once` must return what `attempt.answer` gives")  # noqa: TRY301 - so that it is given up
        except LicetError as error:
            if claim is not None:
                await self._keep_failure(claim, error)
            raise
        except Exception:
            if claim is not None:
                await store.give_up(self._ctx.pool, claim)
            raise

    async def _claim(self, key: str, acting_for: UUID | None) -> store.Claim:
        request = await _as_asked(self._request, key, self._caller, acting_for)
        claimed = await store.claim(self._ctx.pool, request, wall_now())
        if claimed is not None:
            return claimed
        raise self._outcome(request, await store.find(self._ctx.pool, request.hash))

    def _outcome(self, request: core.Request, found: store.Found | None) -> Exception:
        # It may have been removed, or given up, since it could not be claimed: trying again settles that too.
        if found is None:
            return _in_progress()
        if found.fingerprint != request.fingerprint:
            return _key_reused()
        if found.status is None:
            return _in_progress()
        if found.answer is None:
            return _not_kept(found.made_id)
        return Answered(kept.open_again(self._ctx.keyring, found.status, found.answer))

    async def _keep_failure(self, claim: store.Claim, error: LicetError) -> None:
        if core.is_kept(error.status):
            closed = kept.close(self._ctx.keyring, answer_to(error))
            await store.keep(self._ctx.pool, claim, error.status, closed)
        else:
            await store.give_up(self._ctx.pool, claim)


async def _as_asked(request: Request, key: str, caller: Caller, acting_for: UUID | None) -> core.Request:
    body = await request.json() if await request.body() else None
    url = request.url
    return core.Request(key, caller.key_id, acting_for, request.method, url.path, url.query, body)


def _status_of(request: Request) -> int:
    return cast("APIRoute", request.scope["route"]).status_code or 200


def _in_progress() -> Conflict:
    return Conflict(
        "The first request with this Idempotency-Key is still running. Send the same again in a moment.",
        code="idempotency_in_progress",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )


def _key_reused() -> Unprocessable:
    return Unprocessable(
        "This Idempotency-Key came before with another request. Send each request of its own under a key of its own.",
        code="idempotency_key_reused",
    )


def _not_kept(made_id: UUID) -> Conflict:
    return Conflict(
        "This was made by the first request with this Idempotency-Key, and its secret was shown once, in that answer. "
        "Where that answer was lost, end what details.id names and make another under a new key.",
        code="idempotency_answer_not_kept",
        details={"id": str(made_id)},
    )


def _once(
    ctx: Ctx,
    request: Request,
    caller: CurrentCaller,
    key: Annotated[
        str | None,
        Header(
            alias=KEY_HEADER,
            min_length=1,
            max_length=core.MAX_KEY_CHARACTERS,
            description="Send the same again under the same key, and nothing is made twice: for 24 hours the first "
            "answer is given again.",
        ),
    ] = None,
) -> Once:
    if len(request.headers.getlist(KEY_HEADER)) > 1:
        fault = {"field": KEY_HEADER, "message": "must come once"}
        raise ValidationFailed("More than one Idempotency-Key came. Send one.", details={"fields": [fault]})
    return Once(ctx, request, caller, key)


OnceParameter = Annotated[Once, Depends(_once)]
