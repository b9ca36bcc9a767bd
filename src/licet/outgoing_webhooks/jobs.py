"""The job that makes a delivery, at least once: claim, render, sign, send, mark."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from licet.db.connection import Connection
from licet.errors import NotFound
from licet.http.context import Context
from licet.kit.times import wall_now
from licet.mail import subjects
from licet.notifications.recipients import mail_operator
from licet.outbox.store import DELIVER_JOB
from licet.outgoing_webhooks import attempt_store
from licet.outgoing_webhooks.attempt_store import ClaimedDelivery
from licet.outgoing_webhooks.payloads.registry import compose_event, encode
from licet.outgoing_webhooks.retries import EndpointHealth, after_failure
from licet.outgoing_webhooks.transport.sender import AttemptResult, WebhookSender
from licet.outgoing_webhooks.transport.signing import signed_headers
from licet.queue.jobs import Job

log = structlog.get_logger(__name__)

DELIVERY_LEASE = timedelta(minutes=2)
"""How long no other worker takes a claimed delivery; well beyond the timeout of an attempt."""


def delivery_jobs(context: Context, sender: WebhookSender) -> list[Job]:
    """The job that makes deliveries."""
    limit = EndpointLimit()

    async def run(key: str) -> None:
        delivery_id = UUID(key)
        endpoint = await attempt_store.find_endpoint_of_delivery(context.pool, delivery_id)
        if endpoint is None:
            await attempt_store.close_unclaimed(context.pool, delivery_id)
            return
        endpoint_id, unreachable = endpoint
        with limit.slot(endpoint_id, unreachable=unreachable) as free:
            if free:
                await _deliver(context, sender, delivery_id)

    async def due(now: datetime) -> Sequence[str]:
        return await attempt_store.list_due_deliveries(context.pool, now, MAX_PER_ENDPOINT)

    return [Job(DELIVER_JOB, run, due)]


async def _deliver(ctx: Context, sender: WebhookSender, delivery_id: UUID) -> None:
    now = ctx.now()
    claimed = await attempt_store.claim_delivery(ctx.pool, delivery_id, now, now + DELIVERY_LEASE)
    if claimed is None:
        await attempt_store.close_unclaimed(ctx.pool, delivery_id)
        return
    try:
        await _attempt(ctx, sender, claimed)
    except asyncio.CancelledError:
        await asyncio.shield(attempt_store.release_delivery(ctx.pool, claimed, ctx.now()))
        raise


async def _attempt(ctx: Context, sender: WebhookSender, claimed: ClaimedDelivery) -> None:
    try:
        result = await _send(ctx, sender, claimed)
    except NotFound:
        await attempt_store.mark_undeliverable(ctx.pool, claimed, "the object that the event is about no longer exists")
    except Exception as error:
        # An error in Licet itself, not in the endpoint. Its message could contain what the body contains, so it goes to
        # the log only, where it is redacted.
        log.exception("delivery_not_rendered", delivery=str(claimed.id), event_name=claimed.event)
        await _render_failed(ctx, claimed, f"rendering failed: {type(error).__name__}; see the log")
    else:
        if result.error is None and result.status is not None:
            await attempt_store.mark_delivered(ctx.pool, claimed, result.status, ctx.now())
            log.info("delivered", delivery=str(claimed.id), event_name=claimed.event, attempt=claimed.attempts)
        else:
            await _failed(ctx, claimed, result)


async def _render_failed(ctx: Context, claimed: ClaimedDelivery, error: str) -> None:
    failure = after_failure(attempts=claimed.attempts, status=None, health=EndpointHealth(), now=ctx.now())
    async with ctx.pool.acquire() as conn:
        await attempt_store.mark_attempt_failed(conn, claimed, status=None, error=error, again_at=failure.again_at)


async def _send(ctx: Context, sender: WebhookSender, claimed: ClaimedDelivery) -> AttemptResult:
    body = encode(await compose_event(ctx, claimed.event_id))
    at = wall_now()
    secrets = [ctx.keyring.decrypt(claimed.secret_encrypted)]
    if claimed.previous_secret_encrypted and claimed.previous_secret_until and claimed.previous_secret_until > at:
        secrets.append(ctx.keyring.decrypt(claimed.previous_secret_encrypted))
    headers = signed_headers(
        event_id=claimed.event_id,
        delivery_id=claimed.id,
        event=claimed.event,
        body=body,
        secrets=secrets,
        at=at,
    )
    return await sender.send(claimed.url, headers, body)


async def _failed(ctx: Context, claimed: ClaimedDelivery, result: AttemptResult) -> None:
    now = ctx.now()
    error = result.error or "no response"
    async with ctx.pool.acquire() as conn, conn.transaction():
        health = await attempt_store.lock_health(conn, claimed)
        failure = after_failure(
            attempts=claimed.attempts, status=result.status, health=health or EndpointHealth(), now=now
        )
        await attempt_store.mark_attempt_failed(
            conn, claimed, status=result.status, error=error, again_at=failure.again_at
        )
        if health is not None:
            await attempt_store.update_health(conn, claimed, failure, now)
            if failure.disabled:
                await attempt_store.fail_pending_deliveries(conn, claimed.endpoint_id)
                await _mail_operator(ctx, conn, claimed, now)
    log.warning(
        "delivery_failed",
        delivery=str(claimed.id),
        event_name=claimed.event,
        attempt=claimed.attempts,
        reason=error,
        again_at=failure.again_at,
        endpoint_disabled=failure.disabled,
    )


async def _mail_operator(ctx: Context, conn: Connection, claimed: ClaimedDelivery, now: datetime) -> None:
    await mail_operator(
        conn,
        template="endpoint_disabled",
        fact=f"{claimed.endpoint_id}:{int(now.timestamp())}",
        to=ctx.settings.operator_email,
        account_id=None,
        subject=subjects.ENDPOINT_DISABLED,
        about={"endpointId": str(claimed.endpoint_id)},
        now=now,
    )


MAX_PER_ENDPOINT = 4
"""The number of concurrent deliveries from one worker to one endpoint."""

MAX_PER_UNREACHABLE_ENDPOINT = 1
"""The same, if the endpoint did not respond to the last attempt."""


class EndpointLimit:
    """Limits concurrent deliveries per endpoint, so that a slow one does not block others.

    A delivery for which there is no slot is not attempted. It stays due.
    """

    def __init__(self) -> None:
        self._used: Counter[UUID] = Counter()

    @contextmanager
    def slot(self, endpoint_id: UUID, *, unreachable: int) -> Iterator[bool]:
        """Hold a slot while the block runs. Yields False if there is none."""
        if self._used[endpoint_id] >= (MAX_PER_UNREACHABLE_ENDPOINT if unreachable else MAX_PER_ENDPOINT):
            yield False
            return
        self._used[endpoint_id] += 1
        try:
            yield True
        finally:
            self._used[endpoint_id] -= 1
            if not self._used[endpoint_id]:
                del self._used[endpoint_id]
