"""Route parameters for authentication and authorization.

A route declares what it needs: `caller: Reader` (or Writer, Operator) for a scope, `account_id: SeenAccount` for the
account whose data it reads, `account_id: ActingAccount` for the account that it changes. Source: contract, section 1.
"""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.security import APIKeyHeader, HTTPBearer

from licet.accounts.core import Caller, Scope
from licet.accounts.credentials import authenticate_caller
from licet.accounts.store import find_account_id
from licet.errors import Forbidden, NotFound, Unauthorized, Unprocessable
from licet.http.context import Ctx
from licet.http.credentials import find_credential
from licet.http.rate_limits.admission import count_by_caller
from licet.kit.ids import as_id

# These two only describe the headers in /openapi.json. `find_credential` reads the headers itself, because it must
# notice one that is sent twice.
_CREDENTIAL_DESCRIPTION = (
    "An API key. If an identity provider is configured (`LICET_OIDC_ISSUER`), a JWT that it issued is accepted too, "
    "signed with RS256 or ES256. A JWT grants the scopes read and write on the account of its subject."
)
_bearer = HTTPBearer(
    auto_error=False, scheme_name="bearer", bearerFormat="API key or JWT", description=_CREDENTIAL_DESCRIPTION
)
_header = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="apiKey", description=_CREDENTIAL_DESCRIPTION)


_CALLER_IN_SCOPE = "licet.caller"


class Authenticate:
    """Dependency that returns the caller. Raises Unauthorized, and RateLimited for its own limit.

    The route runs it before the body is read (`http/router.py`). It then returns the same caller again.
    """

    async def __call__(
        self, request: Request, _b: Annotated[object, Depends(_bearer)], _h: Annotated[object, Depends(_header)]
    ) -> Caller:
        """Returns the caller."""
        return await self.before_body(request)

    async def before_body(self, request: Request) -> Caller:
        """Returns the caller, whom it authenticates once for each request."""
        known: Caller | None = request.scope.get(_CALLER_IN_SCOPE)
        if known is not None:
            return known
        credential = find_credential(request.headers)
        if credential is None:
            raise Unauthorized(
                "The request has no API key. Send one as Authorization: Bearer KEY or as X-API-Key: KEY."
            )
        caller = await authenticate_caller(request, credential)
        await count_by_caller(request, caller.name)
        request.scope[_CALLER_IN_SCOPE] = caller
        return caller


_authenticate = Authenticate()

CurrentCaller = Annotated[Caller, Depends(_authenticate)]


@dataclass(frozen=True)
class Require:
    """Dependency that requires a scope: 403 without it, 401 without a valid credential.

    `/openapi.json` reads the scope of each route from it.
    """

    scope: Scope

    async def __call__(self, caller: CurrentCaller) -> Caller:
        """Returns the caller. Raises Forbidden if it lacks the scope."""
        if not caller.may(self.scope):
            raise Forbidden(f"This call needs an API key with the scope {self.scope}. Send such a key.")
        return caller

    async def before_body(self, request: Request) -> None:
        """As the dependency itself, before the body is read."""
        await self(await _authenticate.before_body(request))


Reader = Annotated[Caller, Depends(Require("read"))]
Writer = Annotated[Caller, Depends(Require("write"))]
Operator = Annotated[Caller, Depends(Require("admin"))]
"""Only a key without an account can have the scope admin. A token never has it."""


async def _seen_account(
    caller: CurrentCaller,
    ctx: Ctx,
    account_id: Annotated[
        str | None,
        Query(
            alias="accountId",
            min_length=1,
            max_length=255,
            description="For operators: the id or externalId of an account. Limits the call to that account.",
        ),
    ] = None,
) -> UUID | None:
    if account_id is None:
        return caller.account_id
    async with ctx.pool.acquire() as conn:
        found = await find_account_id(conn, as_id(account_id), account_id)
    if found is None or caller.account_id not in (None, found):
        raise NotFound("No account has this accountId. Send the id or externalId of an existing account.")
    return found


SeenAccount = Annotated[UUID | None, Depends(_seen_account)]
"""The account whose data is read: the key's own, or the one that an operator names. None: all accounts."""


async def _acting_account(seen: SeenAccount) -> UUID:
    if seen is None:
        raise Unprocessable(
            "An operator's key must name the account. Add ?accountId= with its id or externalId.",
            code="account_required",
        )
    return seen


ActingAccount = Annotated[UUID, Depends(_acting_account)]
"""The account that a call changes. An operator must name it."""
