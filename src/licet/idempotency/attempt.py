"""One try to make something, and the answer that it ends with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from fastapi import Response

from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.errors import Conflict, Unprocessable
from licet.http.context import Context
from licet.http.shapes import ResponseBody
from licet.idempotency import kept, store
from licet.kit.ids import new_id


class Attempt:
    """id: how the thing made is to be called, the same at every try under one key. claim None: there is no key."""

    def __init__(self, ctx: Context, status: int, claim: store.Claim | None) -> None:
        self.id = claim.made_id if claim else new_id()
        self.answered = False
        self._ctx = ctx
        self._status = status
        self._claim = claim

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """For a creation of one statement: in a transaction only where an answer is kept with it."""
        async with self._ctx.pool.acquire() as conn:
            if self._claim is None:
                yield conn
                return
            async with conn.transaction():
                yield conn

    async def answer(self, conn: Connection | Pool, shown: ResponseBody, *, shown_once: bool = False) -> Response:
        """The route's answer, with the status that it documents.

        conn: in the transaction of what was made; outside of one, all that was done must be safe to do again.
        shown_once: it holds a secret, so it is neither kept nor cached, and asking again is a 409.
        Raises Conflict where another try has taken over, so that the transaction is rolled back.
        """
        response = Response(shown.model_dump_json(), self._status, media_type="application/json")
        if shown_once:
            response.headers["Cache-Control"] = "no-store"
        self.answered = True
        if self._claim is not None:
            closed = None if shown_once else kept.close(self._ctx.keyring, response)
            if not await store.keep(conn, self._claim, self._status, closed):
                raise in_progress()
        return response


def in_progress() -> Conflict:
    """Another request with the same key has not been answered yet."""
    return Conflict(
        "The first request with this Idempotency-Key is still running. Send the same again in a moment.",
        code="idempotency_in_progress",
    )


def key_reused() -> Unprocessable:
    """The key belongs to another request."""
    return Unprocessable(
        "This Idempotency-Key came before with another request. Send each request under a key of its own.",
        code="idempotency_key_reused",
    )


def answer_not_kept(made_id: UUID) -> Conflict:
    """It was carried out, and its answer held a secret."""
    return Conflict(
        "The first request with this Idempotency-Key was carried out, and its answer alone showed the secret. Where "
        "that answer was lost, end what details.id names and make another under a new key.",
        code="idempotency_answer_not_kept",
        details={"id": str(made_id)},
    )
