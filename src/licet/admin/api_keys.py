"""Routes for operators to create, list and revoke API keys: `/api/admin/api-keys`."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from licet.accounts import store
from licet.accounts.auth import Operator, SeenAccount
from licet.accounts.core import Scope, sort_scopes
from licet.accounts.keys import create_key
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
"""The rule of `check_key_request` about `accountId`, as JSON Schema."""


class CreateApiKeyRequest(RequestBody):
    """With `accountId`: a key for this account only.

    With the scope `admin` and no account: an operator's key.
    """

    model_config = ConfigDict(json_schema_extra=_BY_SCOPE)

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=3, examples=[["read", "write"]])]
    account_id: OwnName | None = Field(None, description="The account's id or externalId.", examples=[EXAMPLE_ID])
    expires_at: Moment | None = Field(
        None, description="When the key expires. Null or left out: it is valid until it is revoked."
    )


class ApiKey(ResponseBody):
    """An API key without its secret. `accountId` is null for an operator's key."""

    id: UUID
    name: str = Field(examples=["The shop's backend"])
    scopes: list[Scope] = Field(examples=[["read", "write"]])
    account_id: UUID | None
    created_at: At
    expires_at: At | None = Field(examples=[None])
    last_used_at: At | None = Field(description="When the key was last used, accurate to one minute.")
    revoked_at: At | None = Field(examples=[None])


class CreatedApiKey(ApiKey):
    """An API key with its secret, `key`, which is returned only once."""

    key: str = Field(examples=["lic_test_" + "x" * 40])


@router.post(
    "",
    status_code=201,
    response_model=CreatedApiKey,
    summary="Create an API key",
    responses=responses(
        401,
        403,
        404,
        idempotency_answer_not_kept=(409, "The first request created the key, and only its response has the secret."),
    ),
)
async def make_api_key(ctx: Ctx, _: Operator, once: Once, body: CreateApiKeyRequest) -> Response:
    """Creates a key and returns its secret, `key`, once: only a hash is stored.

    A second request with the same `Idempotency-Key` gets a 409, not the secret.
    """
    now = wall_now()
    check_key_request(body, now)
    async with once.attempt(acting_for=None) as attempt, attempt.connection() as conn:
        created = await create_requested_key(conn, ctx.settings, body, now, key_id=attempt.id)
        return await attempt.answer(conn, created, shown_once=True)


def check_key_request(body: CreateApiKeyRequest, now: datetime) -> None:
    """Raises ValidationFailed if the scopes, the account and the expiry do not fit together.

    now: wall time.
    """
    if body.expires_at is not None and body.expires_at <= now:
        raise _invalid("expiresAt", "must be in the future")
    if "admin" in body.scopes and body.account_id is not None:
        raise _invalid("accountId", "must be left out with the scope admin: an operator's key belongs to no account")
    if "admin" not in body.scopes and body.account_id is None:
        raise _invalid("accountId", "is required unless the scopes include admin")


async def create_requested_key(
    conn: Connection, settings: Settings, body: CreateApiKeyRequest, now: datetime, *, key_id: UUID | None = None
) -> CreatedApiKey:
    """Creates the key of a checked request, also for `licet keys create`. now: wall time.

    Raises NotFound if the account does not exist.
    """
    created = await create_key(
        conn,
        settings,
        name=body.name,
        scopes=sort_scopes(body.scopes),
        now=now,
        account_id=await _account_id(conn, body.account_id),
        expires_at=body.expires_at,
        key_id=key_id,
    )
    return CreatedApiKey(**_fields(created.record), key=created.key)


@router.get("", summary="List API keys", responses=responses(401, 403, 404))
async def list_api_keys(ctx: Ctx, _: Operator, account_id: SeenAccount, page: Paging) -> ListResponse[ApiKey]:
    """Returns API keys, the newest first. The list includes revoked keys."""
    async with ctx.pool.acquire() as conn:
        keys, total = await store.list_key_records(conn, page, account_id=account_id)
    return listed([ApiKey(**_fields(key)) for key in keys], total, page)


@router.delete("/{id}", status_code=204, summary="Revoke an API key", responses=responses(401, 403, 404))
async def revoke_api_key(ctx: Ctx, _: Operator, key_id: PathId) -> None:
    """Revokes the key at once. Revoking it again changes nothing."""
    async with ctx.pool.acquire() as conn:
        if not await store.revoke_key(conn, key_id, wall_now()):
            raise NotFound("No API key has this id. GET /api/admin/api-keys lists the keys.")


async def _account_id(conn: Connection, named: str | None) -> UUID | None:
    if named is None:
        return None
    found = await store.find_account_id(conn, as_id(named), named)
    if found is None:
        raise NotFound("No account has this accountId. Send the id or externalId of an existing account.")
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
