"""Who is calling, what may they do, and for whom.

A route names what it needs by its parameters: `caller: Reader` (or Writer, Operator), and `account_id: SeenAccount` for
what it shows or `account_id: ActingAccount` for whom it acts. Source: contract, section 1.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.datastructures import Headers
from structlog.contextvars import bind_contextvars

from licet.accounts.core import Caller, Scope
from licet.accounts.keys import hash_of, mode_of, word_of_mode
from licet.accounts.store import find_key, find_named_account
from licet.errors import Forbidden, NotFound, Unauthorized, Unprocessable
from licet.http.context import Context, Ctx
from licet.kit.ids import as_id
from licet.kit.times import wall_now

# They only describe the two headers in /openapi.json; `presented_key` reads them, for one may stand there twice.
_bearer = HTTPBearer(auto_error=False, scheme_name="bearer", description="An API key.")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="apiKey", description="An API key.")


def presented_key(headers: Headers) -> str | None:
    """The one credential of a request, or None.

    Raises Unauthorized for two that differ (whose would count?) and for a scheme that is not Bearer.
    """
    given = {value.strip() for value in headers.getlist("x-api-key")}
    for value in headers.getlist("authorization"):
        scheme, _, credential = value.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized("The Authorization header must read: Bearer, a space, and an API key.")
        given.add(credential.strip())
    if len(given) > 1:
        raise Unauthorized("Two different credentials came with one request. Send one.")
    return given.pop() if given else None


async def identify(ctx: Context, key: str) -> Caller:
    """Whose key it is, by one query. Raises Unauthorized for one that is unknown, over, or of the other mode."""
    mode = mode_of(key)
    if mode is None:
        raise Unauthorized("This is no API key of this service.")
    if mode != word_of_mode(ctx.settings):
        raise Unauthorized(f"This is a {mode} key, and this service runs in {ctx.settings.mode} mode.")
    async with ctx.pool.acquire() as conn:
        found = await find_key(conn, hash_of(key))
    if found is None:
        raise Unauthorized("This API key is not known here.")
    if found.revoked_at is not None:
        raise Unauthorized("This API key was revoked.")
    if found.expires_at is not None and found.expires_at <= wall_now():
        raise Unauthorized("This API key has expired.")
    return Caller(found.id, found.account_id, frozenset(found.scopes))


async def _caller(
    request: Request, ctx: Ctx, _b: Annotated[object, Depends(_bearer)], _h: Annotated[object, Depends(_header)]
) -> Caller:
    key = presented_key(request.headers)
    if key is None:
        raise Unauthorized("Send an API key, as Authorization: Bearer KEY or as X-API-Key: KEY.")
    caller = await identify(ctx, key)
    request.app.state.last_used.note(caller.key_id, wall_now())
    bind_contextvars(api_key_id=str(caller.key_id))
    return caller


CurrentCaller = Annotated[Caller, Depends(_caller)]


def require(scope: Scope) -> Callable[[Caller], Awaitable[Caller]]:
    """A dependency that lets only callers with this scope pass; 403 for others, 401 without a good key."""

    async def with_scope(caller: CurrentCaller) -> Caller:
        if not caller.may(scope):
            raise Forbidden(f"This needs an API key with the scope {scope}.")
        return caller

    return with_scope


Reader = Annotated[Caller, Depends(require("read"))]
Writer = Annotated[Caller, Depends(require("write"))]
Operator = Annotated[Caller, Depends(require("admin"))]
"""Only a key without an account can have the scope admin."""


async def _seen_account(
    caller: CurrentCaller,
    ctx: Ctx,
    account_id: Annotated[
        str | None,
        Query(
            alias="accountId",
            min_length=1,
            max_length=255,
            description="For operators: whose, by the account's id or its externalId.",
        ),
    ] = None,
) -> UUID | None:
    if account_id is None:
        return caller.account_id
    async with ctx.pool.acquire() as conn:
        found = await find_named_account(conn, as_id(account_id), account_id)
    if found is None or caller.account_id not in (None, found):
        raise NotFound("There is no such account.")
    return found


SeenAccount = Annotated[UUID | None, Depends(_seen_account)]
"""Whose things are shown: a key's own account, the one that an operator names, or None for everybody's."""


async def _acting_account(seen: SeenAccount) -> UUID:
    if seen is None:
        raise Unprocessable("Name the account to act for: ?accountId=, its id or externalId.", code="account_required")
    return seen


ActingAccount = Annotated[UUID, Depends(_acting_account)]
"""For whom something is done. An operator must name the account."""
