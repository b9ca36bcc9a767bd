"""Keeps an event that could not be handled, and when it is tried again."""

import asyncpg

from licet.http.context import Context
from licet.kit.redact import error_line
from licet.kit.retry import Retry
from licet.stripe_events import store
from licet.stripe_events.event import ReceivedEvent

EVENT_RETRY = Retry(seconds=(10, 60, 300, 1800, 7200, 21600, 43200, 86400), repeats=False)
"""When a failed event is tried again; after the last try an operator must replay it."""


MAX_ERROR_CHARACTERS = 1000


async def keep_failed_event(context: Context, event: ReceivedEvent, error: str, *, is_kept: bool) -> None:
    """Store an event as failed in a transaction of its own, and schedule its next try.

    error: redacted, from `error_text`. is_kept: whether the event was stored before (`store.keep_failed`).
    """
    async with context.pool.acquire() as conn, conn.transaction():
        now = context.now()
        attempts = await store.keep_failed(conn, event, now, error, is_kept=is_kept)
        if attempts is None:
            return
        await store.FAILED_EVENTS.postpone(conn, event.id, EVENT_RETRY.again_at(now, attempts - 1))


def error_text(error: Exception) -> str:
    """An error in one line, redacted. Without the detail of a database error: that quotes whole rows."""
    text = error.message if isinstance(error, asyncpg.PostgresError) else str(error)
    return error_line(f"{type(error).__name__}: {text}", MAX_ERROR_CHARACTERS)
