"""`once: Once`, the parameter with which a route that creates an object accepts an `Idempotency-Key`.

    async with once.attempt(acting_for=account_id) as attempt:
        session = await create_at_stripe(…, attempt.id)  # the id is the same at a retry
        async with ctx.pool.acquire() as conn, conn.transaction():
            await write_session(conn, session)
            return await attempt.answer(conn, CheckoutSession(…))  # stored in the same transaction

An error in the block is stored too if a retry would get the same error (`core.is_stored`). A request without the
header causes no further query.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, cast
from uuid import UUID

from fastapi import Depends, Header, Request

from licet.accounts.auth import CurrentCaller
from licet.accounts.core import Caller
from licet.errors import LicetError, ValidationFailed
from licet.http.context import Context, Ctx
from licet.http.error_responses import ResponseReady, response_to
from licet.http.json_body import parse_json
from licet.http.openapi.operations import KEY_HEADER
from licet.idempotency import core, store
from licet.idempotency.attempt import Attempt, answer_not_kept, in_progress, key_reused
from licet.idempotency.encrypted_response import decrypt_response, encrypt_response
from licet.kit.times import wall_now

if TYPE_CHECKING:
    from fastapi.routing import APIRoute


class IdempotentRequest:
    """A request and its key. key None: the request has no key, so each one creates another object."""

    def __init__(self, ctx: Context, request: Request, caller: Caller, key: str | None) -> None:
        self._ctx = ctx
        self._request = request
        self._caller = caller
        self._key = key

    @asynccontextmanager
    async def attempt(self, *, acting_for: UUID | None) -> AsyncIterator[Attempt]:
        """Yields an attempt to carry out the request. If a response is stored, it raises that instead.

        acting_for: the account that the key is scoped to, or None.
        Raises Conflict if another attempt is running or the response was not stored; Unprocessable if the key was used
        for another request; ResponseReady with a stored response.
        """
        claim = None if self._key is None else await self._claim(self._key, acting_for)
        attempt = Attempt(self._ctx, cast("APIRoute", self._request.scope["route"]).status_code or 200, claim)
        try:
            yield attempt
        except LicetError as error:
            if claim is not None:
                await self._store_error(claim, error)
            raise
        except Exception:
            if claim is not None:
                await store.release_claim(self._ctx.pool, claim)
            raise
        if not attempt.answered:
            raise RuntimeError("a route that takes `once: Once` must return what `attempt.answer` returns")

    async def _claim(self, key: str, acting_for: UUID | None) -> store.Claim:
        keyed = await self._keyed_request(key, acting_for)
        claim = await store.claim_request(self._ctx.pool, keyed, wall_now())
        if claim is None:
            raise self._outcome(keyed, await store.find_request(self._ctx.pool, keyed.hash))
        return claim

    async def _keyed_request(self, key: str, acting_for: UUID | None) -> core.KeyedRequest:
        request = self._request
        raw = await request.body()
        path, query = request.url.path, request.url.query
        # A route without a body has not parsed the body of the request.
        body = parse_json(raw) if raw else None
        return core.KeyedRequest(key, self._caller.name, acting_for, request.method, path, query, body)

    def _outcome(self, keyed: core.KeyedRequest, stored: store.StoredRequest | None) -> Exception:
        if stored is not None and stored.fingerprint != keyed.fingerprint:
            return key_reused()
        if stored is None or stored.status is None:
            # Also if it was released or deleted after the claim failed: the caller can send the request again.
            return in_progress()
        if stored.answer is None:
            return answer_not_kept(stored.made_id)
        return ResponseReady(decrypt_response(self._ctx.keyring, stored.status, stored.answer))

    async def _store_error(self, claim: store.Claim, error: LicetError) -> None:
        if core.is_stored(error.status):
            await store.store_response(
                self._ctx.pool, claim, error.status, encrypt_response(self._ctx.keyring, response_to(error))
            )
        else:
            await store.release_claim(self._ctx.pool, claim)


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
            description="A unique key for this request. Requests with the same key create one object: for 24 hours "
            "they get the response to the first one.",
        ),
    ] = None,
) -> IdempotentRequest:
    if len(request.headers.getlist(KEY_HEADER)) > 1:
        fault = {"field": KEY_HEADER, "message": "must be sent once"}
        raise ValidationFailed("The request has several Idempotency-Keys. Send one.", details={"fields": [fault]})
    return IdempotentRequest(ctx, request, caller, key)


Once = Annotated[IdempotentRequest, Depends(_once)]
