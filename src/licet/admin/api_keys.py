"""Operators make and end API keys: `/api/admin/api-keys`."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from licet.accounts import store
from licet.accounts.auth import Operator, SeenAccount
from licet.accounts.core import Scope, in_order
from licet.accounts.keys import make_key
from licet.accounts.store import ApiKeyRecord
from licet.config import Settings
from licet.db.connection import Connection
from licet.errors import NotFound, ValidationFailed
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.paging import Paging, listed
from licet.http.router import PathId, api_router
from licet.http.shapes import EXAMPLE_ID, At, ListResponse, Moment, Name, OwnName, RequestBody, ResponseBody
from licet.idempotency.once import Once
from licet.kit.ids import as_id
from licet.kit.times import wall_now

router = api_router("/api/admin/api-keys", tag="operators")


_BY_SCOPE: JsonDict = {
    "if": {"properties": {"scopes": {"contains": {"const": "admin"}}}},
    "then": {"properties": {"accountId": {"type": "null"}}},
    "else": {"properties": {"accountId": {"type": "string"}}, "required": ["accountId"]},
}
"""What `check` holds of `accountId`, for the description."""


class CreateApiKeyRequest(RequestBody):
    """With an account: a key that sees this account alone. With the scope `admin` and no account: an operator's."""

    model_config = ConfigDict(json_schema_extra=_BY_SCOPE)

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=3, examples=[["read", "write"]])]
    account_id: OwnName | None = Field(None, description="The account's id or externalId.", examples=[EXAMPLE_ID])
    expires_at: Moment | None = Field(None, description="Null or left out: it holds until it is revoked.")


class ApiKey(ResponseBody):
    """A key without its secret. `accountId` null: an operator's."""

    id: UUID
    name: str = Field(examples=["The shop's backend"])
    scopes: list[Scope] = Field(examples=[["read", "write"]])
    account_id: UUID | None
    created_at: At
    expires_at: At | None = Field(examples=[None])
    last_used_at: At | None = Field(description="To the minute.")
    revoked_at: At | None = Field(examples=[None])


class CreatedApiKey(ApiKey):
    """With the key itself, which is shown this once."""

    key: str = Field(examples=["lic_test_" + "x" * 40])


@router.post(
    "",
    status_code=201,
    response_model=CreatedApiKey,
    summary="Make an API key",
    responses=responses(
        401, 403, 404, idempotency_answer_not_kept=(409, "It was made, and its key shown, by the first request.")
    ),
)
async def make_api_key(ctx: Ctx, _: Operator, once: Once, asked: CreateApiKeyRequest) -> Response:
    """`key` is in this answer alone: only a hash of it is kept. Asked again under the same key, it is a 409."""
    now = wall_now()
    check(asked, now)
    async with once.attempt(acting_for=None) as attempt, attempt.connection() as conn:
        made = await make(conn, ctx.settings, asked, now, key_id=attempt.id)
        return await attempt.answer(conn, made, shown_once=True)


def check(asked: CreateApiKeyRequest, now: datetime) -> None:
    """Raises ValidationFailed for a key that cannot be. now: wall time."""
    if asked.expires_at is not None and asked.expires_at <= now:
        raise _invalid("expiresAt", "must be in the future")
    if "admin" in asked.scopes and asked.account_id is not None:
        raise _invalid("accountId", "must be left out with the scope admin: an operator's key belongs to no account")
    if "admin" not in asked.scopes and asked.account_id is None:
        raise _invalid("accountId", "is required, unless the scopes hold admin")


async def make(
    conn: Connection, settings: Settings, asked: CreateApiKeyRequest, now: datetime, *, key_id: UUID | None = None
) -> CreatedApiKey:
    """Makes what `check` let pass; `licet keys create` does too. Raises NotFound where the account is not there."""
    made = await make_key(
        conn,
        settings,
        name=asked.name,
        scopes=in_order(asked.scopes),
        now=now,
        account_id=await _account_id(conn, asked.account_id),
        expires_at=asked.expires_at,
        key_id=key_id,
    )
    return CreatedApiKey(**_fields(made.record), key=made.key)


@router.get("", summary="The API keys, the newest first", responses=responses(401, 403, 404))
async def list_api_keys(ctx: Ctx, _: Operator, account_id: SeenAccount, page: Paging) -> ListResponse[ApiKey]:
    """Those that were revoked too; with `accountId`, of that account alone."""
    async with ctx.pool.acquire() as conn:
        keys, total = await store.list_keys(conn, page, account_id=account_id)
    return listed([ApiKey(**_fields(key)) for key in keys], total, page)


@router.delete("/{id}", status_code=204, summary="Revoke an API key", responses=responses(401, 403, 404))
async def revoke_api_key(ctx: Ctx, _: Operator, key_id: PathId) -> None:
    """From now on it opens nothing. Doing it twice changes nothing."""
    async with ctx.pool.acquire() as conn:
        if not await store.revoke_key(conn, key_id, wall_now()):
            raise NotFound("There is no such API key.")


async def _account_id(conn: Connection, named: str | None) -> UUID | None:
    if named is None:
        return None
    found = await store.find_named_account(conn, as_id(named), named)
    if found is None:
        raise NotFound("There is no such account.")
    return found


def _invalid(field: str, message: str) -> ValidationFailed:
    return ValidationFailed(f"{field} {message}.", details={"fields": [{"field": field, "message": message}]})


def _fields(key: ApiKeyRecord) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": key.scopes,
        "account_id": key.account_id,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }
