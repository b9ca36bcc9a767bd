"""`/api/webhook-endpoints`: operators manage the URLs that outgoing events are sent to."""

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
from licet.outgoing_webhooks.delivery_store import delete_deliveries
from licet.outgoing_webhooks.endpoint_schemas import (
    CreatedWebhookEndpoint,
    CreateWebhookEndpointRequest,
    UpdatedWebhookEndpoint,
    UpdateWebhookEndpointRequest,
    WebhookEndpoint,
    check_endpoint_url,
    endpoint_fields,
)
from licet.outgoing_webhooks.endpoint_store import EndpointRecord
from licet.outgoing_webhooks.transport.signing import new_secret

router = api_router("/api/webhook-endpoints", tag="deliveries")

MAX_ENDPOINTS = 50
"""A sale's transaction writes one delivery per event and endpoint, so the number is limited."""

PREVIOUS_SECRET_VALID_FOR = timedelta(hours=24)
"""How long the replaced secret also signs after a rotation, so that receivers can be updated."""

_DELETE_BATCH = 5000

_REFUSED = (422, "The host resolves to 127.0.0.1, which is not a public address.", {"field": "url"})
_TOO_MANY = (409, f"There are {MAX_ENDPOINTS} webhook endpoints already, the maximum. Delete one first.")


@router.post(
    "",
    status_code=201,
    response_model=CreatedWebhookEndpoint,
    summary="Create a webhook endpoint",
    responses=responses(
        401,
        403,
        invalid_webhook_url=_REFUSED,
        too_many_endpoints=_TOO_MANY,
        idempotency_answer_not_kept=(
            409,
            "The first request created the endpoint and returned its secret.",
        ),
    ),
)
async def make_webhook_endpoint(ctx: Ctx, _: Operator, once: Once, body: CreateWebhookEndpointRequest) -> Response:
    """Creates an endpoint, which receives events from now on.

    `secret`, which signs the deliveries, is returned only here; it is stored encrypted. A repeated request with the
    same `Idempotency-Key` gets a 409.
    """
    async with once.attempt(acting_for=None) as attempt:
        await check_endpoint_url(ctx.settings, body.url)
        endpoint = EndpointRecord(attempt.id, body.url, body.description, list(body.events), ctx.now(), None, None)
        secret = new_secret()
        async with ctx.pool.acquire() as conn, conn.transaction():
            await _check_endpoint_limit(conn)
            await endpoint_store.insert_endpoint(conn, endpoint, ctx.keyring.encrypt(secret))
            return await attempt.answer(
                conn, CreatedWebhookEndpoint(**endpoint_fields(endpoint), secret=secret), shown_once=True
            )


@router.get("", summary="List webhook endpoints", responses=responses(401, 403))
async def list_webhook_endpoints(ctx: Ctx, _: Operator, page: Paging) -> ListResponse[WebhookEndpoint]:
    """Lists webhook endpoints, newest first, including disabled ones."""
    async with ctx.pool.acquire() as conn:
        endpoints, total = await endpoint_store.list_endpoints(conn, page)
    return listed([WebhookEndpoint(**endpoint_fields(endpoint)) for endpoint in endpoints], total, page)


@router.get("/{id}", summary="Retrieve a webhook endpoint", responses=responses(401, 403, 404))
async def get_webhook_endpoint(ctx: Ctx, _: Operator, endpoint_id: PathId) -> WebhookEndpoint:
    """Retrieves an endpoint, with the time since when deliveries to it have been failing."""
    async with ctx.pool.acquire() as conn:
        return WebhookEndpoint(**endpoint_fields(await get_endpoint(conn, endpoint_id)))


@router.patch(
    "/{id}",
    summary="Update a webhook endpoint",
    responses=responses(401, 403, 404, invalid_webhook_url=_REFUSED),
)
async def change_webhook_endpoint(
    ctx: Ctx, _: Operator, endpoint_id: PathId, body: UpdateWebhookEndpointRequest, response: Response
) -> UpdatedWebhookEndpoint:
    """Updates the fields in the request. Also enables or disables the endpoint, or rotates its secret.

    Pending deliveries to a disabled endpoint fail when they are due and can be replayed. After a second rotation within
    24 hours, only the two newest secrets sign.
    """
    if body.url is not None:
        await check_endpoint_url(ctx.settings, body.url)
    async with ctx.pool.acquire() as conn, conn.transaction():
        await get_endpoint(conn, endpoint_id, for_update=True)
        secret = await _change(ctx, conn, endpoint_id, body)
        changed = await get_endpoint(conn, endpoint_id)
    if secret is not None:
        response.headers["Cache-Control"] = "no-store"
    return UpdatedWebhookEndpoint(**endpoint_fields(changed), secret=secret)


@router.delete("/{id}", status_code=204, summary="Delete a webhook endpoint", responses=responses(401, 403, 404))
async def delete_webhook_endpoint(ctx: Ctx, _: Operator, endpoint_id: PathId) -> None:
    """Deletes the endpoint with its deliveries; pending ones are not sent. Disable it to keep them."""
    async with ctx.pool.acquire() as conn:
        # A disabled endpoint gets no new deliveries. If this process dies here, the endpoint can still be deleted.
        if not await endpoint_store.disable_endpoint(conn, endpoint_id, ctx.now()):
            raise _endpoint_not_found()
        while await delete_deliveries(conn, endpoint_id, _DELETE_BATCH) == _DELETE_BATCH:
            pass
        await endpoint_store.delete_endpoint(conn, endpoint_id)


async def get_endpoint(conn: Connection, endpoint_id: UUID, *, for_update: bool = False) -> EndpointRecord:
    """Returns an endpoint. Raises NotFound. for_update: lock its row until the transaction ends."""
    endpoint = await endpoint_store.find_endpoint(conn, endpoint_id, for_update=for_update)
    if endpoint is None:
        raise _endpoint_not_found()
    return endpoint


async def _check_endpoint_limit(conn: Connection) -> None:
    """Raises Conflict at the limit. Concurrent requests wait for the end of this transaction."""
    await lock(conn, ["webhook_endpoints"])
    if await endpoint_store.count_endpoints(conn) >= MAX_ENDPOINTS:
        raise Conflict(_TOO_MANY[1], code="too_many_endpoints")


async def _change(ctx: Context, conn: Connection, endpoint_id: UUID, body: UpdateWebhookEndpointRequest) -> str | None:
    """Applies the changes. Returns the new secret, if it was rotated."""
    if body.url is not None:
        await endpoint_store.set_url(conn, endpoint_id, body.url)
    if body.events is not None:
        await endpoint_store.set_events(conn, endpoint_id, body.events)
    if "description" in body.model_fields_set:
        await endpoint_store.set_description(conn, endpoint_id, body.description)
    if body.enabled is True:
        await endpoint_store.enable_endpoint(conn, endpoint_id)
    elif body.enabled is False:
        await endpoint_store.disable_endpoint(conn, endpoint_id, ctx.now())
    if body.rotate_secret is None:
        return None
    secret = new_secret()
    await endpoint_store.rotate_secret(
        conn, endpoint_id, ctx.keyring.encrypt(secret), wall_now() + PREVIOUS_SECRET_VALID_FOR
    )
    return secret


def _endpoint_not_found() -> NotFound:
    return NotFound("There is no such webhook endpoint.")
