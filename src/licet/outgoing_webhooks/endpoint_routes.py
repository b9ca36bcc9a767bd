"""Operators say where the vendor's systems listen: `/api/webhook-endpoints`."""

from datetime import timedelta
from uuid import UUID

from fastapi import Response

from licet.accounts.auth import Operator
from licet.db.connection import Connection
from licet.db.locks import lock
from licet.errors import Conflict, NotFound
from licet.http.context import Context, Ctx
from licet.http.openapi.document import responses
from licet.http.paging import Paging, listed
from licet.http.router import PathId, api_router
from licet.http.shapes import ListResponse
from licet.idempotency.once import Once
from licet.kit.times import wall_now
from licet.outgoing_webhooks import endpoint_store
from licet.outgoing_webhooks.delivery_store import delete_some
from licet.outgoing_webhooks.endpoint_schemas import (
    CreatedWebhookEndpoint,
    CreateWebhookEndpointRequest,
    UpdatedWebhookEndpoint,
    UpdateWebhookEndpointRequest,
    WebhookEndpoint,
    check_url,
    fields,
)
from licet.outgoing_webhooks.endpoint_store import EndpointRecord
from licet.outgoing_webhooks.transport.signing import new_secret

router = api_router("/api/webhook-endpoints", tag="deliveries")

MOST_ENDPOINTS = 50
"""Each event is written down for each of them, in the transaction of a sale."""
BOTH_SIGN_FOR = timedelta(hours=24)
"""After a rotation, for the vendor to bring the new secret to where signatures are checked."""
_AT_ONCE = 5000

_REFUSED = (422, "url is refused: 127.0.0.1 is a private address.", {"field": "url"})
_TOO_MANY = (409, f"There are {MOST_ENDPOINTS} webhook endpoints, which is the most. Delete one first.")


@router.post(
    "",
    status_code=201,
    response_model=CreatedWebhookEndpoint,
    summary="Make a webhook endpoint",
    responses=responses(
        401,
        403,
        invalid_webhook_url=_REFUSED,
        too_many_endpoints=_TOO_MANY,
        idempotency_answer_not_kept=(409, "It was made, and its secret shown, by the first request."),
    ),
)
async def make_webhook_endpoint(ctx: Ctx, _: Operator, once: Once, asked: CreateWebhookEndpointRequest) -> Response:
    """It is told what happens from now on. `secret`, by which it knows that it is us, is in this answer alone: it is
    kept encrypted. Asked again under the same key, it is a 409."""
    async with once.attempt(acting_for=None) as attempt:
        await check_url(ctx.settings, asked.url)
        made = EndpointRecord(attempt.id, asked.url, asked.description, list(asked.events), ctx.now(), None, None)
        secret = new_secret()
        async with ctx.pool.acquire() as conn, conn.transaction():
            await _check_room(conn)
            await endpoint_store.insert_endpoint(conn, made, ctx.keyring.encrypt(secret))
            return await attempt.answer(conn, CreatedWebhookEndpoint(**fields(made), secret=secret), shown_once=True)


@router.get("", summary="The webhook endpoints, the newest first", responses=responses(401, 403))
async def list_webhook_endpoints(ctx: Ctx, _: Operator, page: Paging) -> ListResponse[WebhookEndpoint]:
    """Disabled ones too."""
    async with ctx.pool.acquire() as conn:
        endpoints, total = await endpoint_store.list_endpoints(conn, page)
    return listed([WebhookEndpoint(**fields(one)) for one in endpoints], total, page)


@router.get("/{id}", summary="One webhook endpoint", responses=responses(401, 403, 404))
async def get_webhook_endpoint(ctx: Ctx, _: Operator, endpoint_id: PathId) -> WebhookEndpoint:
    """With how it has been doing."""
    async with ctx.pool.acquire() as conn:
        return WebhookEndpoint(**fields(await get_endpoint(conn, endpoint_id)))


@router.patch(
    "/{id}",
    summary="Change, disable or enable a webhook endpoint, or rotate its secret",
    responses=responses(401, 403, 404, invalid_webhook_url=_REFUSED),
)
async def change_webhook_endpoint(
    ctx: Ctx, _: Operator, endpoint_id: PathId, asked: UpdateWebhookEndpointRequest, response: Response
) -> UpdatedWebhookEndpoint:
    """Changes what is named and nothing else. What is on its way to a disabled endpoint fails when its time comes, and
    can be replayed. Of two rotations within 24 hours, the secret before the first signs no more."""
    if asked.url is not None:
        await check_url(ctx.settings, asked.url)
    async with ctx.pool.acquire() as conn, conn.transaction():
        await get_endpoint(conn, endpoint_id, to_change=True)
        secret = await _change(ctx, conn, endpoint_id, asked)
        changed = await get_endpoint(conn, endpoint_id)
    if secret is not None:
        response.headers["Cache-Control"] = "no-store"
    return UpdatedWebhookEndpoint(**fields(changed), secret=secret)


@router.delete("/{id}", status_code=204, summary="Delete a webhook endpoint", responses=responses(401, 403, 404))
async def delete_webhook_endpoint(ctx: Ctx, _: Operator, endpoint_id: PathId) -> None:
    """With its deliveries: what has not arrived never will. To keep them, disable it instead."""
    async with ctx.pool.acquire() as conn:
        # Nothing new comes to a disabled one, and should we be killed in between, it is still there to be deleted.
        if not await endpoint_store.disable(conn, endpoint_id, ctx.now()):
            raise _not_there()
        while await delete_some(conn, endpoint_id, _AT_ONCE) == _AT_ONCE:
            pass
        await endpoint_store.delete_endpoint(conn, endpoint_id)


async def get_endpoint(conn: Connection, endpoint_id: UUID, *, to_change: bool = False) -> EndpointRecord:
    """Raises NotFound. to_change: locked until the transaction ends."""
    found = await endpoint_store.find_endpoint(conn, endpoint_id, to_change=to_change)
    if found is None:
        raise _not_there()
    return found


async def _check_room(conn: Connection) -> None:
    """Holds a lock until the transaction ends, or two at once would both find the last place free."""
    await lock(conn, ["webhook_endpoints"])
    if await endpoint_store.count_endpoints(conn) >= MOST_ENDPOINTS:
        raise Conflict(_TOO_MANY[1], code="too_many_endpoints")


async def _change(ctx: Context, conn: Connection, endpoint_id: UUID, asked: UpdateWebhookEndpointRequest) -> str | None:
    """The new secret, where there is one."""
    if asked.url is not None:
        await endpoint_store.move(conn, endpoint_id, asked.url)
    if asked.events is not None:
        await endpoint_store.listen_for(conn, endpoint_id, asked.events)
    if "description" in asked.model_fields_set:
        await endpoint_store.describe(conn, endpoint_id, asked.description)
    if asked.enabled is True:
        await endpoint_store.enable(conn, endpoint_id)
    elif asked.enabled is False:
        await endpoint_store.disable(conn, endpoint_id, ctx.now())
    if asked.rotate_secret is None:
        return None
    secret = new_secret()
    await endpoint_store.rotate(conn, endpoint_id, ctx.keyring.encrypt(secret), wall_now() + BOTH_SIGN_FOR)
    return secret


def _not_there() -> NotFound:
    return NotFound("There is no such webhook endpoint.")
