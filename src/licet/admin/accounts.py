"""Operators make and see accounts: `/api/admin/accounts`."""

from typing import Annotated

import asyncpg
from fastapi import Query, Response
from pydantic import Field

from licet.accounts import store
from licet.accounts.auth import Operator
from licet.accounts.shown import Account, Kind, shown
from licet.accounts.store import AccountRecord
from licet.errors import Conflict, NotFound
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.paging import Paging, listed
from licet.http.router import PathId, api_router
from licet.http.shapes import EmailAddress, ListResponse, MayBeLeftOut, Name, OwnName, RequestBody
from licet.idempotency.once import Once

router = api_router("/api/admin/accounts", tag="operators")

_TAKEN = (409, "Another account has this externalId. Find it with ?externalId=, or choose another.")


class CreateAccountRequest(RequestBody):
    """`externalId` is what the caller calls it by, and can be used in the place of our id."""

    kind: Kind
    name: Name
    email: EmailAddress
    external_id: OwnName | None = Field(None, examples=["customer-42"])


class UpdateAccountRequest(RequestBody):
    """What is left out stays as it is; `externalId` alone may be null."""

    kind: MayBeLeftOut[Kind] = None
    name: MayBeLeftOut[Name] = Field(None, examples=["Ada King"])
    email: MayBeLeftOut[EmailAddress] = None
    external_id: OwnName | None = None


@router.post(
    "",
    status_code=201,
    response_model=Account,
    summary="Make an account",
    responses=responses(401, 403, external_id_taken=_TAKEN),
)
async def make_account(ctx: Ctx, _: Operator, once: Once, asked: CreateAccountRequest) -> Response:
    """A user or an organisation: whatever buys, and holds licenses."""
    async with once.attempt(acting_for=None) as attempt, attempt.connection() as conn:
        account = AccountRecord(attempt.id, asked.kind, asked.name, asked.email, asked.external_id, None, ctx.now())
        try:
            await store.insert_account(conn, account)
        except asyncpg.UniqueViolationError:
            raise _external_id_taken() from None
        return await attempt.answer(conn, shown(account))


@router.get("", summary="The accounts, the newest first", responses=responses(401, 403))
async def list_accounts(
    ctx: Ctx,
    _: Operator,
    page: Paging,
    kind: Annotated[Kind | None, Query(description="Those of this kind.")] = None,
    email: Annotated[str | None, Query(max_length=254, description="Those with this address.")] = None,
    external_id: Annotated[
        str | None, Query(alias="externalId", max_length=255, description="The one that you call so.")
    ] = None,
) -> ListResponse[Account]:
    """Also by kind, e-mail or externalId."""
    async with ctx.pool.acquire() as conn:
        accounts, total = await store.list_accounts(conn, page, kind=kind, email=email, external_id=external_id)
    return listed([shown(account) for account in accounts], total, page)


@router.get("/{id}", summary="One account", responses=responses(401, 403, 404))
async def get_account(ctx: Ctx, _: Operator, account_id: PathId) -> Account:
    """By its id of ours; by externalId the list finds it."""
    async with ctx.pool.acquire() as conn:
        return _shown_if_there(await store.find_account(conn, account_id))


@router.patch("/{id}", summary="Change an account", responses=responses(401, 403, 404, external_id_taken=_TAKEN))
async def change_account(ctx: Ctx, _: Operator, account_id: PathId, asked: UpdateAccountRequest) -> Account:
    """Changes what is named and nothing else."""
    async with ctx.pool.acquire() as conn:
        try:
            changed = await store.update_account(conn, account_id, asked.model_dump(exclude_unset=True))
        except asyncpg.UniqueViolationError:
            raise _external_id_taken() from None
    return _shown_if_there(changed)


def _external_id_taken() -> Conflict:
    return Conflict(_TAKEN[1], code="external_id_taken")


def _shown_if_there(account: AccountRecord | None) -> Account:
    if account is None:
        raise NotFound("There is no such account.")
    return shown(account)
