"""For which organisation a call is: by our id of the account, or the `externalId` that the caller gave it."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from pydantic import Field, StringConstraints

from licet.accounts.auth import CurrentCaller
from licet.accounts.core import Caller
from licet.accounts.store import find_account_id
from licet.errors import NotFound
from licet.http.context import Context, Ctx
from licet.kit.ids import as_id

Named = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255),
    Field(description="The organisation's id, or the externalId that you gave it.", examples=["acme"]),
]

ORGANIZATION_NOT_FOUND = {"organization_not_found": (404, "There is no such organisation, or it is not this key's.")}
"""For a route's `responses`."""


def no_organization() -> NotFound:
    """There is none, or it is not the caller's to see: they cannot be told apart."""
    return NotFound(ORGANIZATION_NOT_FOUND["organization_not_found"][1], code="organization_not_found")


async def find_organization(ctx: Context, caller: Caller, named: str) -> UUID:
    """The account. Raises NotFound organization_not_found for one that is unknown, or not the key's own."""
    async with ctx.pool.acquire() as conn:
        found = await find_account_id(conn, as_id(named), named)
    if found is None or caller.account_id not in (None, found):
        raise no_organization()
    return found


async def _asked_for(ctx: Ctx, caller: CurrentCaller, named: Annotated[Named, Query(alias="organizationId")]) -> UUID:
    return await find_organization(ctx, caller, named)


Organization = Annotated[UUID, Depends(_asked_for)]
"""A route's parameter, from `?organizationId=`."""
