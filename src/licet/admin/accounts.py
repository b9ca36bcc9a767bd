"""Routes for operators to create, list and update accounts: `/api/admin/accounts`."""

from typing import Annotated

import asyncpg
from fastapi import Query, Response
from pydantic import Field

from licet.accounts import store
from licet.accounts.auth import Operator
from licet.accounts.schemas import Account, AccountKind, account_response
from licet.accounts.store import AccountRecord
from licet.errors import Conflict, NotFound
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.paging import Paging, listed
from licet.http.router import PathId, api_router
from licet.http.shapes import EmailAddress, ListResponse, MayBeLeftOut, Name, OwnName, RequestBody
from licet.idempotency.once import Once

router = api_router("/api/admin/accounts", tag="operators")

_EXTERNAL_ID_TAKEN = (409, "Another account has this externalId. Find it with ?externalId=, or choose another.")


class CreateAccountRequest(RequestBody):
    """`externalId` is your own id of the account. It can be sent wherever an `accountId` is expected."""

    kind: AccountKind
    name: Name
    email: EmailAddress
    external_id: OwnName | None = Field(None, examples=["customer-42"])


class UpdateAccountRequest(RequestBody):
    """Fields that are left out are not changed. Only `externalId` can be set to null."""

    kind: MayBeLeftOut[AccountKind] = None
    name: MayBeLeftOut[Name] = Field(None, examples=["Ada King"])
    email: MayBeLeftOut[EmailAddress] = None
    external_id: OwnName | None = None


@router.post(
    "",
    status_code=201,
    response_model=Account,
    summary="Create an account",
    responses=responses(401, 403, external_id_taken=_EXTERNAL_ID_TAKEN),
)
async def make_account(ctx: Ctx, _: Operator, once: Once, body: CreateAccountRequest) -> Response:
    """Creates a user or an organisation, which can buy products and hold licenses."""
    async with once.attempt(acting_for=None) as attempt, attempt.connection() as conn:
        account = AccountRecord(attempt.id, body.kind, body.name, body.email, body.external_id, None, ctx.now())
        try:
            await store.insert_account(conn, account)
        except asyncpg.UniqueViolationError:
            raise _external_id_taken() from None
        return await attempt.answer(conn, account_response(account))


@router.get("", summary="List accounts", responses=responses(401, 403))
async def list_accounts(
    ctx: Ctx,
    _: Operator,
    page: Paging,
    kind: Annotated[AccountKind | None, Query(description="Only accounts of this kind.")] = None,
    email: Annotated[str | None, Query(max_length=254, description="Only accounts with this email address.")] = None,
    external_id: Annotated[
        str | None, Query(alias="externalId", max_length=255, description="Only the account with this externalId.")
    ] = None,
) -> ListResponse[Account]:
    """Returns accounts, the newest first. Filters by kind, email address or externalId."""
    async with ctx.pool.acquire() as conn:
        accounts, total = await store.list_account_records(conn, page, kind=kind, email=email, external_id=external_id)
    return listed([account_response(account) for account in accounts], total, page)


@router.get("/{id}", summary="Retrieve an account", responses=responses(401, 403, 404))
async def get_account(ctx: Ctx, _: Operator, account_id: PathId) -> Account:
    """Returns the account with this id. To find one by its externalId, list accounts with `?externalId=`."""
    async with ctx.pool.acquire() as conn:
        return _response_or_404(await store.find_account(conn, account_id))


@router.patch(
    "/{id}", summary="Update an account", responses=responses(401, 403, 404, external_id_taken=_EXTERNAL_ID_TAKEN)
)
async def change_account(ctx: Ctx, _: Operator, account_id: PathId, body: UpdateAccountRequest) -> Account:
    """Updates the fields that are sent and leaves the others."""
    async with ctx.pool.acquire() as conn:
        try:
            changed = await store.update_account(conn, account_id, body.model_dump(exclude_unset=True))
        except asyncpg.UniqueViolationError:
            raise _external_id_taken() from None
    return _response_or_404(changed)


def _external_id_taken() -> Conflict:
    return Conflict(_EXTERNAL_ID_TAKEN[1], code="external_id_taken")


def _response_or_404(account: AccountRecord | None) -> Account:
    if account is None:
        raise NotFound("No account has this id. GET /api/admin/accounts lists the accounts.")
    return account_response(account)
