"""Who is calling, what may they do, and for whom.

A route names what it needs by its parameters: `caller: Reader` (or Writer, Operator), and `account_id: SeenAccount` for
what it shows or `account_id: ActingAccount` for whom it acts. Source: contract, section 1.
"""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.security import APIKeyHeader, HTTPBearer

from licet.accounts.core import Caller, Scope
from licet.accounts.credentials import identify
from licet.accounts.store import find_named_account
from licet.errors import Forbidden, NotFound, Unauthorized, Unprocessable
from licet.http.context import Ctx
from licet.http.credentials import presented
from licet.http.rate_limits.admission import recognise
from licet.kit.ids import as_id

# They only describe the two headers in /openapi.json; `presented` reads them, for one may stand there twice.
_WHAT = (
    "An API key; where an identity provider is set up (`LICET_OIDC_ISSUER`), a JWT of it instead, signed with RS256 or "
    "ES256, which opens its subject's own account to read and write."
)
_bearer = HTTPBearer(auto_error=False, scheme_name="bearer", bearerFormat="API key or JWT", description=_WHAT)
_header = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="apiKey", description=_WHAT)


async def _caller(
    request: Request, _b: Annotated[object, Depends(_bearer)], _h: Annotated[object, Depends(_header)]
) -> Caller:
    credential = presented(request.headers)
    if credential is None:
        raise Unauthorized("Send an API key, as Authorization: Bearer KEY or as X-API-Key: KEY.")
    caller = await identify(request, credential)
    await recognise(request, caller.name)
    return caller


CurrentCaller = Annotated[Caller, Depends(_caller)]


@dataclass(frozen=True)
class Require:
    """A dependency that lets only callers with this scope pass; 403 for others, 401 without a good key.

    `/openapi.json` tells the scope of each route by it.
    """

    scope: Scope

    async def __call__(self, caller: CurrentCaller) -> Caller:
        """The caller."""
        if not caller.may(self.scope):
            raise Forbidden(f"This needs an API key with the scope {self.scope}.")
        return caller


Reader = Annotated[Caller, Depends(Require("read"))]
Writer = Annotated[Caller, Depends(Require("write"))]
Operator = Annotated[Caller, Depends(Require("admin"))]
"""Only a key without an account can have the scope admin; a token never has it."""


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
