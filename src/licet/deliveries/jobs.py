"""The job that makes a delivery: claimed, rendered, signed, sent, marked. At least once, never lost."""

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

    async def run(key: str) -> None:
        await _deliver(context, courier, UUID(key))

    async def due(now: datetime) -> Sequence[str]:
        return await attempts.list_due(context.pool, now)

    return [Job(DELIVER, run, due)]


async def _deliver(ctx: Context, courier: Courier, delivery_id: UUID) -> None:
    now = ctx.now()
    claimed = await attempts.claim(ctx.pool, delivery_id, now, now + LEASE)
    if claimed is None:
        await attempts.leave(ctx.pool, delivery_id)
        return
    try:
        answer = await _send(ctx, courier, claimed)
    except NotFound:
        await attempts.over(ctx.pool, claimed, "what it tells of is not there any more")
        return
    except Exception as error:
        # A fault of ours. Its own words could hold what the body holds, so they go to the log alone, redacted.
        log.exception("delivery_could_not_be_made", delivery=str(claimed.id), event_name=claimed.event)
        answer = Answer(None, f"could not be made: {type(error).__name__}; the log says more")
    if answer.error is None and answer.status is not None:
        await attempts.delivered(ctx.pool, claimed, answer.status, ctx.now())
        log.info("delivered", delivery=str(claimed.id), event_name=claimed.event, attempt=claimed.attempts)
    else:
        await _failed(ctx, claimed, answer)


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
