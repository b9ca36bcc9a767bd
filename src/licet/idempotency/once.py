"""`once: Once`, the parameter of a route that makes something: the route accepts an `Idempotency-Key`.

    async with once.attempt(acting_for=account_id) as attempt:
        session = await ask_stripe(…, attempt.id)  # what is made elsewhere is called by an id that a retry has again
        async with ctx.pool.acquire() as conn, conn.transaction():
            await write_session(conn, session)
            return await attempt.answer(conn, CheckoutSession(…))  # kept with what was made, or neither is

What goes wrong in the block is kept too, where it would go wrong again (`core.is_kept`). Without the header the
database is asked nothing more.
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
from licet.http.error_responses import Answered, answer_to
from licet.http.json_body import parse_json
from licet.http.openapi.operations import KEY_HEADER
from licet.idempotency import core, kept, store
from licet.idempotency.attempt import Attempt, answer_not_kept, in_progress, key_reused
from licet.kit.times import wall_now

if TYPE_CHECKING:
    from fastapi.routing import APIRoute


class Keyed:
    """A request and its key. key None: none came, and each such request makes another thing."""

    def __init__(self, ctx: Context, request: Request, caller: Caller, key: str | None) -> None:
        self._ctx = ctx
        self._request = request
        self._caller = caller
        self._key = key

    @asynccontextmanager
    async def attempt(self, *, acting_for: UUID | None) -> AsyncIterator[Attempt]:
        """The try that this request is. Where it was answered before, the block does not run and that answer goes out.

        acting_for: the account that the key is scoped to; None where something is made for none.
        Raises what `refusals` has.
        """
        claim = None if self._key is None else await self._claim(self._key, acting_for)
        attempt = Attempt(self._ctx, cast("APIRoute", self._request.scope["route"]).status_code or 200, claim)
        try:
            yield attempt
        except LicetError as error:
            if claim is not None:
                await self._keep_failure(claim, error)
            raise
        except Exception:
            if claim is not None:
                await store.give_up(self._ctx.pool, claim)
            raise
        if not attempt.answered:
            raise RuntimeError("a route that takes `once: Once` must return what `attempt.answer` gives")

    async def _claim(self, key: str, acting_for: UUID | None) -> store.Claim:
        asked = await self._as_asked(key, acting_for)
        claimed = await store.claim(self._ctx.pool, asked, wall_now())
        if claimed is None:
            raise self._outcome(asked, await store.find(self._ctx.pool, asked.hash))
        return claimed

    async def _as_asked(self, key: str, acting_for: UUID | None) -> core.Request:
        request = self._request
        raw = await request.body()
        path, query = request.url.path, request.url.query
        # A route that takes no body has not looked at what came.
        body = parse_json(raw) if raw else None
        return core.Request(key, self._caller.name, acting_for, request.method, path, query, body)

    def _outcome(self, asked: core.Request, found: store.Found | None) -> Exception:
        if found is not None and found.fingerprint != asked.fingerprint:
            return key_reused()
        if found is None or found.status is None:
            # Given up or removed since it could not be claimed: coming again settles that as well.
            return in_progress()
        if found.answer is None:
            return answer_not_kept(found.made_id)
        return Answered(kept.open_again(self._ctx.keyring, found.status, found.answer))

    async def _keep_failure(self, claim: store.Claim, error: LicetError) -> None:
        if core.is_kept(error.status):
            await store.keep(self._ctx.pool, claim, error.status, kept.close(self._ctx.keyring, answer_to(error)))
        else:
            await store.give_up(self._ctx.pool, claim)


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
            description="Under one key the same request makes nothing twice: for 24 hours it gets the first answer.",
        ),
    ] = None,
) -> Keyed:
    if len(request.headers.getlist(KEY_HEADER)) > 1:
        fault = {"field": KEY_HEADER, "message": "must come once"}
        raise ValidationFailed("More than one Idempotency-Key came. Send one.", details={"fields": [fault]})
    return Keyed(ctx, request, caller, key)


Once = Annotated[Keyed, Depends(_once)]
