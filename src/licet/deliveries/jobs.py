"""The job that makes a delivery: claimed, rendered, signed, sent, marked. At least once, never lost."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from licet.announcements.mails import mail_operator
from licet.db.connection import Connection
from licet.deliveries import attempts
from licet.deliveries.attempts import Claimed
from licet.deliveries.core import Health, after_failure
from licet.deliveries.payloads import compose, encode
from licet.deliveries.places import AT_ONCE, Places
from licet.deliveries.sending import Answer, Courier
from licet.deliveries.signing import signed_headers
from licet.errors import NotFound
from licet.http.context import Context
from licet.kit.times import wall_now
from licet.outbox import DELIVER
from licet.queue.jobs import Job

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=2)
"""How long a claimed delivery is left alone; well beyond what an attempt may take."""


def jobs(context: Context, courier: Courier) -> list[Job]:
    """The one kind of deferred work there is here."""
    places = Places()

    async def run(key: str) -> None:
        delivery_id = UUID(key)
        found = await attempts.find_endpoint(context.pool, delivery_id)
        if found is None:
            await attempts.leave(context.pool, delivery_id)
            return
        endpoint_id, unreachable = found
        with places.one(endpoint_id, unreachable=unreachable) as place:
            if place:
                await _deliver(context, courier, delivery_id)

    async def due(now: datetime) -> Sequence[str]:
        return await attempts.list_due(context.pool, now, AT_ONCE)

    return [Job(DELIVER, run, due)]


async def _deliver(ctx: Context, courier: Courier, delivery_id: UUID) -> None:
    now = ctx.now()
    claimed = await attempts.claim(ctx.pool, delivery_id, now, now + LEASE)
    if claimed is None:
        await attempts.leave(ctx.pool, delivery_id)
        return
    try:
        await _attempt(ctx, courier, claimed)
    except asyncio.CancelledError:
        await asyncio.shield(attempts.hand_back(ctx.pool, claimed, ctx.now()))
        raise


async def _attempt(ctx: Context, courier: Courier, claimed: Claimed) -> None:
    try:
        answer = await _send(ctx, courier, claimed)
    except NotFound:
        await attempts.over(ctx.pool, claimed, "what it tells of is not there any more")
    except Exception as error:
        # A fault of ours, which says nothing of the endpoint. Its own words could hold what the body holds, so they go
        # to the log alone, redacted.
        log.exception("delivery_could_not_be_made", delivery=str(claimed.id), event_name=claimed.event)
        await _not_made(ctx, claimed, f"could not be made: {type(error).__name__}; the log says more")
    else:
        if answer.error is None and answer.status is not None:
            await attempts.delivered(ctx.pool, claimed, answer.status, ctx.now())
            log.info("delivered", delivery=str(claimed.id), event_name=claimed.event, attempt=claimed.attempts)
        else:
            await _failed(ctx, claimed, answer)


async def _not_made(ctx: Context, claimed: Claimed, error: str) -> None:
    failure = after_failure(attempts=claimed.attempts, status=None, health=Health(), now=ctx.now())
    async with ctx.pool.acquire() as conn:
        await attempts.failed(conn, claimed, status=None, error=error, again_at=failure.again_at)


async def _send(ctx: Context, courier: Courier, claimed: Claimed) -> Answer:
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
        health = await attempts.lock_health(conn, claimed)
        failure = after_failure(attempts=claimed.attempts, status=answer.status, health=health or Health(), now=now)
        await attempts.failed(conn, claimed, status=answer.status, error=error, again_at=failure.again_at)
        if health is not None:
            await attempts.write_failure(conn, claimed, failure, now)
            if failure.disabled:
                await attempts.fail_the_rest(conn, claimed.endpoint_id)
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
