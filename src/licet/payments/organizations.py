"""Resolves `organizationId` to an account, by the account's id or its `externalId`."""

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

OrganizationId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255),
    Field(description="The organisation's id or its externalId.", examples=["acme"]),
]

ORGANIZATION_NOT_FOUND = {
    "organization_not_found": (404, "No organisation has this id or externalId, or this key may not access it.")
}
"""An error of a route, for its `responses`."""


def organization_not_found() -> NotFound:
    """The same error for an unknown organisation and for one that the caller may not see."""
    return NotFound(ORGANIZATION_NOT_FOUND["organization_not_found"][1], code="organization_not_found")


async def find_organization(ctx: Context, caller: Caller, organization_id: str) -> UUID:
    """The organisation's account id. Raises NotFound organization_not_found."""
    async with ctx.pool.acquire() as conn:
        found = await find_account_id(conn, as_id(organization_id), organization_id)
    if found is None or caller.account_id not in (None, found):
        raise organization_not_found()
    return found


async def _from_query(
    ctx: Ctx, caller: CurrentCaller, organization_id: Annotated[OrganizationId, Query(alias="organizationId")]
) -> UUID:
    return await find_organization(ctx, caller, organization_id)


Organization = Annotated[UUID, Depends(_from_query)]
"""The account id of `?organizationId=`, as a route's parameter."""
