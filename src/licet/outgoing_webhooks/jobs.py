"""The job that makes a delivery: claimed, rendered, signed, sent, marked. At least once, never lost."""

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
from licet.notifications.recipients import mail_operator
from licet.outbox import DELIVER
from licet.outgoing_webhooks import attempt_store
from licet.outgoing_webhooks.attempt_store import Claimed
from licet.outgoing_webhooks.core import Health, after_failure
from licet.outgoing_webhooks.payloads.registry import compose, encode
from licet.outgoing_webhooks.transport.sender import Answer, WebhookSender
from licet.outgoing_webhooks.transport.signing import signed_headers
from licet.queue.jobs import Job

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=2)
"""How long a claimed delivery is left alone; well beyond what an attempt may take."""


def delivery_jobs(context: Context, courier: WebhookSender) -> list[Job]:
    """The one kind of deferred work there is here."""
    places = EndpointLimit()

    async def run(key: str) -> None:
        delivery_id = UUID(key)
        found = await attempt_store.find_endpoint(context.pool, delivery_id)
        if found is None:
            await attempt_store.leave(context.pool, delivery_id)
            return
        endpoint_id, unreachable = found
        with places.one(endpoint_id, unreachable=unreachable) as place:
            if place:
                await _deliver(context, courier, delivery_id)

    async def due(now: datetime) -> Sequence[str]:
        return await attempt_store.list_due(context.pool, now, MAX_PER_ENDPOINT)

    return [Job(DELIVER, run, due)]


async def _deliver(ctx: Context, courier: WebhookSender, delivery_id: UUID) -> None:
    now = ctx.now()
    claimed = await attempt_store.claim(ctx.pool, delivery_id, now, now + LEASE)
    if claimed is None:
        await attempt_store.leave(ctx.pool, delivery_id)
        return
    try:
        await _attempt(ctx, courier, claimed)
    except asyncio.CancelledError:
        await asyncio.shield(attempt_store.hand_back(ctx.pool, claimed, ctx.now()))
        raise


async def _attempt(ctx: Context, courier: WebhookSender, claimed: Claimed) -> None:
    try:
        answer = await _send(ctx, courier, claimed)
    except NotFound:
        await attempt_store.over(ctx.pool, claimed, "what it tells of is not there any more")
    except Exception as error:
        # A fault of ours, which says nothing of the endpoint. Its own words could hold what the body holds, so they go
        # to the log alone, redacted.
        log.exception("delivery_could_not_be_made", delivery=str(claimed.id), event_name=claimed.event)
        await _not_made(ctx, claimed, f"could not be made: {type(error).__name__}; the log says more")
    else:
        if answer.error is None and answer.status is not None:
            await attempt_store.delivered(ctx.pool, claimed, answer.status, ctx.now())
            log.info("delivered", delivery=str(claimed.id), event_name=claimed.event, attempt=claimed.attempts)
        else:
            await _failed(ctx, claimed, answer)


async def _not_made(ctx: Context, claimed: Claimed, error: str) -> None:
    failure = after_failure(attempts=claimed.attempts, status=None, health=Health(), now=ctx.now())
    async with ctx.pool.acquire() as conn:
        await attempt_store.failed(conn, claimed, status=None, error=error, again_at=failure.again_at)


async def _send(ctx: Context, courier: WebhookSender, claimed: Claimed) -> Answer:
    body = encode(await compose(ctx, claimed.event_id))
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
    return await courier.send(claimed.url, headers, body)


async def _failed(ctx: Context, claimed: Claimed, answer: Answer) -> None:
    now = ctx.now()
    error = answer.error or "nobody answered"
    async with ctx.pool.acquire() as conn, conn.transaction():
        health = await attempt_store.lock_health(conn, claimed)
        failure = after_failure(attempts=claimed.attempts, status=answer.status, health=health or Health(), now=now)
        await attempt_store.failed(conn, claimed, status=answer.status, error=error, again_at=failure.again_at)
        if health is not None:
            await attempt_store.write_failure(conn, claimed, failure, now)
            if failure.disabled:
                await attempt_store.fail_the_rest(conn, claimed.endpoint_id)
                await _tell_operator(ctx, conn, claimed, now)
    log.warning(
        "not_delivered",
        delivery=str(claimed.id),
        event_name=claimed.event,
        attempt=claimed.attempts,
        reason=error,
        again_at=failure.again_at,
        endpoint_disabled=failure.disabled,
    )


async def _tell_operator(ctx: Context, conn: Connection, claimed: Claimed, now: datetime) -> None:
    await mail_operator(
        conn,
        template="endpoint_disabled",
        fact=f"{claimed.endpoint_id}:{int(now.timestamp())}",
        to=ctx.settings.operator_email,
        account_id=None,
        subject="A webhook endpoint was disabled",
        about={"endpointId": str(claimed.endpoint_id)},
        now=now,
    )


MAX_PER_ENDPOINT = 4
"""To one endpoint, from one worker."""

AFTER_SILENCE = 1
"""Where nobody answered the last time, it is tried with one."""


class EndpointLimit:
    """The places that are taken. Whoever finds none leaves its delivery as it is: it stays due."""

    def __init__(self) -> None:
        self._taken: Counter[UUID] = Counter()

    @contextmanager
    def one(self, endpoint_id: UUID, *, unreachable: int) -> Iterator[bool]:
        """A place for as long as the block lasts; False where there is none."""
        if self._taken[endpoint_id] >= (AFTER_SILENCE if unreachable else MAX_PER_ENDPOINT):
            yield False
            return
        self._taken[endpoint_id] += 1
        try:
            yield True
        finally:
            self._taken[endpoint_id] -= 1
            if not self._taken[endpoint_id]:
                del self._taken[endpoint_id]
