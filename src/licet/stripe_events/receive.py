"""Receives, retries and replays an event in one transaction; if that fails, a second one keeps it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import structlog

from licet.db.connection import Connection
from licet.db.unavailable import is_away
from licet.errors import NotFound
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.licenses.write import ChangeContext
from licet.stripe_events import store
from licet.stripe_events.apply import Applied, apply_event
from licet.stripe_events.event import ReceivedEvent, read_event
from licet.stripe_events.event_types import EVENT_TYPES, not_handled
from licet.stripe_events.retries import error_text, keep_failed_event

log = structlog.get_logger(__name__)

TRANSACTION_TRIES = 3
"""How often a transaction is tried that PostgreSQL aborts because of a deadlock or a serialization failure."""

_ABORTED = f"PostgreSQL aborted the transaction {TRANSACTION_TRIES} times: deadlock or serialization failure"


class EventFailed(Exception):
    """Handling an event raised; the event is kept as failed. The cause is chained."""


async def receive_event(context: Context, payload: dict[str, Any]) -> None:
    """Store an event and everything that follows from it. When this returns, all of it is committed.

    payload: from a body whose signature was valid, cleaned by `parse_payload`.

    A second delivery changes nothing, unless the event is kept as failed: then it is tried again.
    Raises EventFailed once the event is kept as failed, and MalformedJson if the payload is not a Stripe event.
    """
    if _is_of_other_mode(payload, context.settings.mode):
        log.info("event_of_other_mode", event_id=payload.get("id"), livemode=payload.get("livemode"))
        return
    if str(payload.get("object", "")).startswith("v2."):
        thin = _read_thin_event(payload, context.now())
        await _keep_ignored(context, thin, "a thin event: Licet handles snapshot events only")
        return
    event = read_event(payload)
    ignored = _why_ignored(event)
    if ignored is not None:
        await _keep_ignored(context, event, ignored)
        return
    for attempt in _transactions(context, event, is_kept=False):
        async with attempt as conn:
            if await store.insert_or_lock_failed(conn, event, context.now()):
                applied = await apply_event(conn, event, _change_context(context, event))
                await store.write_outcome(conn, event.id, applied.outcome, applied.reason, applied.account_id)


async def retry_event(context: Context, stripe_event_id: str) -> None:
    """Try a failed event again; nothing if it is no longer failed. A new failure is kept, not raised."""
    try:
        await _try_again(context, stripe_event_id, store.lock_failed)
    except EventFailed:
        log.warning("event_failed_again", event_id=stripe_event_id)


async def replay_event(context: Context, stripe_event_id: str) -> str:
    """Apply a kept event again, whatever its outcome was, and return its new outcome.

    An event that was applied before repairs its purchase, and its object is read from Stripe; it never replaces a state
    of the same second, which may have followed it.
    Raises NotFound for an unknown event. If it fails again, it is kept as failed and the outcome is `failed`.
    """
    try:
        applied = await _try_again(context, stripe_event_id, store.lock_event)
    except EventFailed:
        return "failed"
    if applied is None:
        raise _no_such_event(stripe_event_id)
    return applied.outcome


async def _try_again(
    context: Context, stripe_event_id: str, lock: Callable[[Connection, str], Awaitable[str | None]]
) -> Applied | None:
    """Apply a kept event again; None if `lock` returns None. Raises EventFailed, NotFound."""
    async with context.pool.acquire() as conn:
        payload = await store.find_payload(conn, stripe_event_id)
    if payload is None:
        raise _no_such_event(stripe_event_id)
    event = read_event(payload)
    applied: Applied | None = None
    for attempt in _transactions(context, event, is_kept=True):
        async with attempt as conn:
            outcome = await lock(conn, event.id)
            if outcome is not None:
                applied = await _apply_again(conn, event, _change_context(context, event), outcome)
                await store.write_outcome(conn, event.id, applied.outcome, applied.reason, applied.account_id)
    return applied


async def _apply_again(conn: Connection, event: ReceivedEvent, change: ChangeContext, outcome: str) -> Applied:
    ignored = _why_ignored(event)
    if ignored is not None:
        return Applied("ignored", ignored)
    return await apply_event(conn, event, change, was_applied=outcome in ("applied", "stale"))


def _transactions(
    context: Context, event: ReceivedEvent, *, is_kept: bool
) -> Iterator[AbstractAsyncContextManager[Connection]]:
    """Transactions to apply an event in, until one commits: use each with `async with ... as conn`.

    A transaction that PostgreSQL aborts is followed by another one, up to TRANSACTION_TRIES. After the last, and after
    any other error, everything rolls back, a second transaction keeps the event as failed, and EventFailed is raised.

    is_kept: whether the event was stored before (`store.keep_failed`).
    """
    committed = False

    @asynccontextmanager
    async def transaction(*, is_last: bool) -> AsyncIterator[Connection]:
        nonlocal committed
        try:
            async with context.pool.acquire() as conn, conn.transaction():
                yield conn
            committed = True
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            if is_last:
                await keep_failed_event(context, event, _ABORTED, is_kept=is_kept)
                raise EventFailed from None
        except Exception as error:
            if is_away(error):
                # It cannot be kept as failed either. Stripe, or the job that retries it, tries again.
                raise
            log.exception("event_failed", event_id=event.id, type=event.type)
            await keep_failed_event(context, event, error_text(error), is_kept=is_kept)
            raise EventFailed from error

    for number in range(1, TRANSACTION_TRIES + 1):
        yield transaction(is_last=number == TRANSACTION_TRIES)
        if committed:
            return


def _no_such_event(stripe_event_id: str) -> NotFound:
    return NotFound(f"There is no event {stripe_event_id}.")


def _change_context(context: Context, event: ReceivedEvent) -> ChangeContext:
    return ChangeContext(context.keyring, Cause("stripe_event", event.id, event.type), context.now)


async def _keep_ignored(context: Context, event: ReceivedEvent, reason: str) -> None:
    async with context.pool.acquire() as conn, conn.transaction():
        if await store.insert_event(conn, event, context.now()):
            await store.write_outcome(conn, event.id, "ignored", reason, None)


def _is_of_other_mode(payload: dict[str, Any], mode: str) -> bool:
    livemode = payload.get("livemode")
    return isinstance(livemode, bool) and livemode != (mode == "live")


def _why_ignored(event: ReceivedEvent) -> str | None:
    if event.payload.get("account"):
        return "an event of a connected account"
    if event.type not in EVENT_TYPES:
        return not_handled(event.type)
    if event.object_id is None and EVENT_TYPES[event.type].kind is not None:
        return "its object has no id"
    return None


def _read_thin_event(payload: dict[str, Any], now: datetime) -> ReceivedEvent:
    """Read a thin event, which contains only its object's id. The time of receipt is stored."""
    related = payload.get("related_object") or {}
    return read_event({**payload, "created": int(now.timestamp()), "data": {"object": related}})
