"""One attempt to carry out a request, and the response that is stored with its result."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from fastapi import Response

from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.errors import Conflict, Unprocessable
from licet.http.context import Context
from licet.http.shapes import ResponseBody
from licet.idempotency import store
from licet.idempotency.encrypted_response import encrypt_response
from licet.kit.ids import new_id


class Attempt:
    """One attempt to carry out a request that creates an object.

    id: the id of the new object, the same at every attempt with the same key. claim None: the request has no key.
    """

    def __init__(self, ctx: Context, status: int, claim: store.Claim | None) -> None:
        self.id = claim.made_id if claim else new_id()
        self.answered = False
        self._ctx = ctx
        self._status = status
        self._claim = claim

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for a creation with one statement.

        It is in a transaction only if a response is stored too.
        """
        async with self._ctx.pool.acquire() as conn:
            if self._claim is None:
                yield conn
                return
            async with conn.transaction():
                yield conn

    async def answer(self, conn: Connection | Pool, body: ResponseBody, *, shown_once: bool = False) -> Response:
        """Returns the route's response, with the status that the route declares, and stores it.

        conn: in the transaction that created the object. Outside of a transaction, the whole request must be safe to
        repeat.
        shown_once: the body contains a secret, so it is neither stored nor cached, and a repeated request gets a 409.
        Raises Conflict if another attempt has taken over, so that the transaction is rolled back.
        """
        response = Response(body.model_dump_json(), self._status, media_type="application/json")
        if shown_once:
            response.headers["Cache-Control"] = "no-store"
        self.answered = True
        if self._claim is not None:
            encrypted = None if shown_once else encrypt_response(self._ctx.keyring, response)
            if not await store.store_response(conn, self._claim, self._status, encrypted):
                raise in_progress()
        return response


def in_progress() -> Conflict:
    """The error if another request with the same key is still running."""
    return Conflict(
        "The first request with this Idempotency-Key is still running. Send the same request again in a moment.",
        code="idempotency_in_progress",
    )


def key_reused() -> Unprocessable:
    """The error if the key was used for another request."""
    return Unprocessable(
        "This Idempotency-Key was used for another request. Send each request with its own key.",
        code="idempotency_key_reused",
    )


def answer_not_kept(made_id: UUID) -> Conflict:
    """The error if the first request was carried out and its response, with a secret, was not stored."""
    return Conflict(
        "The first request with this Idempotency-Key was carried out, and only its response contained the secret. If "
        "that response is lost, revoke or delete the object of details.id and create another with a new key.",
        code="idempotency_answer_not_kept",
        details={"id": str(made_id)},
    )
