"""An event is received, retried or replayed in one transaction; if that fails, a second one keeps it as failed."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import structlog

from licet.db.connection import Connection
from licet.errors import NotFound
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.redact import redact
from licet.licenses.write import ChangeContext
from licet.stripe_events import store
from licet.stripe_events.apply import Applied, apply_event
from licet.stripe_events.event import ReceivedEvent, make_event
from licet.stripe_events.event_types import EVENTS

log = structlog.get_logger(__name__)

RETRY_AFTER = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 300, 1800, 7200, 21600, 43200, 86400))
"""When a failed event is tried again, by how often it was tried; after the last it waits for an operator."""

AT_ONCE = 3
"""How often a transaction that PostgreSQL itself broke off (deadlock, serialization) is simply begun anew."""


Work = Callable[[Connection], Awaitable[None]]


class EventFailed(Exception):
    """Handling an event raised; it is kept as failed, and the cause is chained."""


async def receive_event(context: Context, payload: dict[str, Any]) -> None:
    """Keep an event and do all that follows from it. When this returns, it is committed.

    payload: from a body whose signature was good, cleaned. Raises EventFailed once the event is kept as failed, and
    MalformedJson for a payload that is no event.
    """
    if _foreign_mode(payload, context.settings.mode):
        log.info("event_of_other_mode", event_id=payload.get("id"), livemode=payload.get("livemode"))
        return
    if str(payload.get("object", "")).startswith("v2."):
        await _keep_ignored(context, _thin(payload, context.now()), "a thin event: we listen to snapshot events")
        return
    event = make_event(payload)
    ignored = _why_ignored(event)
    if ignored is not None:
        await _keep_ignored(context, event, ignored)
        return
    await _attempt(context, event)


async def replay_event(context: Context, stripe_event_id: str) -> str:
    """Walk a kept event again, whatever became of it, and return its new outcome.

    Raises NotFound for an unknown event. One that fails again is kept as failed; that is its outcome then.
    """
    payload = await context.pool.fetchval("SELECT payload FROM events WHERE stripe_event_id = $1", stripe_event_id)
    if payload is None:
        raise NotFound(f"There is no event {stripe_event_id}.")
    try:
        return await _attempt_again(context, stripe_event_id, only_failed=False)
    except EventFailed:
        return "failed"


async def retry_event(context: Context, stripe_event_id: str) -> None:
    """Try a failed event again; one that failed no more is left alone. A new failure is kept, not raised."""
    try:
        await _attempt_again(context, stripe_event_id, only_failed=True)
    except EventFailed:
        log.warning("event_failed_again", event_id=stripe_event_id)


async def _attempt(context: Context, event: ReceivedEvent) -> None:
    async def first_or_repeat(conn: Connection) -> None:
        if await store.insert_event(conn, event, context.now()):
            await _walk(context, conn, event)
            return
        kept = await store.lock_event(conn, event.id)
        if kept is not None and kept["outcome"] == "failed":
            await store.count_attempt(conn, event.id)
            await _walk(context, conn, event)

    await _in_one_transaction(context, event, first_or_repeat, tried_again=False)


async def _attempt_again(context: Context, stripe_event_id: str, *, only_failed: bool) -> str:
    payload = await context.pool.fetchval("SELECT payload FROM events WHERE stripe_event_id = $1", stripe_event_id)
    event = make_event(payload)

    async def once_more(conn: Connection) -> None:
        kept = await store.lock_event(conn, stripe_event_id)
        if kept is None or (only_failed and kept["outcome"] != "failed"):
            return
        await store.count_attempt(conn, stripe_event_id)
        await _walk(context, conn, event)

    await _in_one_transaction(context, event, once_more, tried_again=True)
    outcome: str = await context.pool.fetchval("SELECT outcome FROM events WHERE stripe_event_id = $1", stripe_event_id)
    return outcome


async def _walk(context: Context, conn: Connection, event: ReceivedEvent) -> None:
    row = EVENTS.get(event.type)
    if row is None:
        walked = Applied("ignored", f"we do not handle {event.type}")
    else:
        cause = Cause("stripe_event", event.id, event.type)
        settling = ChangeContext(context.keyring, cause, context.now())
        body = event.body()
        walked = await apply_event(conn, event.version(body), body, row, settling)
    await store.write_outcome(conn, event.id, walked.outcome, walked.reason, walked.account_id)


async def _in_one_transaction(context: Context, event: ReceivedEvent, work: Work, *, tried_again: bool) -> None:
    """Do `work` in one transaction. If it raises, everything rolls back, and a second one keeps the event as failed."""
    for attempt in range(1, AT_ONCE + 1):
        try:
            async with context.pool.acquire() as conn, conn.transaction():
                await work(conn)
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            if attempt == AT_ONCE:
                await _keep_failed(
                    context, event, "the database broke it off, again and again", tried_again=tried_again
                )
                raise EventFailed from None
        except Exception as error:
            log.exception("event_failed", event_id=event.id, type=event.type)
            await _keep_failed(context, event, _said(error), tried_again=tried_again)
            raise EventFailed from error
        else:
            return


async def _keep_failed(context: Context, event: ReceivedEvent, error: str, *, tried_again: bool) -> None:
    async with context.pool.acquire() as conn, conn.transaction():
        now = context.now()
        attempts = await store.keep_failed(conn, event, now, error, tried_again=tried_again)
        if attempts is None:
            return
        retry_at = now + RETRY_AFTER[attempts - 1] if attempts <= len(RETRY_AFTER) else None
        await store.write_retry_at(conn, event.id, retry_at)


async def _keep_ignored(context: Context, event: ReceivedEvent, reason: str) -> None:
    async with context.pool.acquire() as conn, conn.transaction():
        if await store.insert_event(conn, event, context.now()):
            await store.write_outcome(conn, event.id, "ignored", reason, None)


def _said(error: Exception) -> str:
    """An error in one line. Of the database's, not the detail: that quotes whole rows."""
    words = error.message if isinstance(error, asyncpg.PostgresError) else str(error)
    return redact(f"{type(error).__name__}: {words}")[:1000]


def _foreign_mode(payload: dict[str, Any], mode: str) -> bool:
    livemode = payload.get("livemode")
    return isinstance(livemode, bool) and livemode != (mode == "live")


def _why_ignored(event: ReceivedEvent) -> str | None:
    if event.payload.get("account"):
        return "an event of a connected account"
    if event.type not in EVENTS:
        return f"we do not handle {event.type}"
    if event.object_id is None:
        return "its object has no id"
    return None


def _thin(payload: dict[str, Any], now: datetime) -> ReceivedEvent:
    """A thin event names its object instead of carrying it, and writes its time as text: kept with ours."""
    related = payload.get("related_object") or {}
    return make_event({**payload, "created": int(now.timestamp()), "data": {"object": related}})
