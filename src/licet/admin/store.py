# ruff: noqa: S608 - what is put into the statements are the constants below
"""What operators see of tables that others write: Stripe's events as received, mails, and what waits to be done."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.db.listing import Where, fetch_page
from licet.kit.pages import Page

# Without the payload: it holds client secrets of payments, and Stripe's dashboard shows it to whom it may concern.
_EVENT = """
    stripe_event_id, type, outcome, reason, stripe_object_id, account_id, api_version, created_at, received_at,
    attempts, error, retry_at"""
_NEWEST_EVENT = "received_at DESC, stripe_event_id"


async def list_events(
    conn: Connection, page: Page, *, type_: str | None, outcome: str | None
) -> tuple[list[asyncpg.Record], int]:
    """A page of the events, the last received first, and how many there are."""
    where = Where().add("type = {}", type_).add("outcome = {}", outcome)
    return await fetch_page(conn, page, where, columns=_EVENT, table="events", order_by=_NEWEST_EVENT)


async def find_event(conn: Connection, stripe_event_id: str) -> asyncpg.Record | None:
    """One event by Stripe's id."""
    return await conn.fetchrow(f"SELECT {_EVENT} FROM events WHERE stripe_event_id = $1", stripe_event_id)


_EMAIL = "id, to_address, template, subject, status, account_id, created_at, sent_at, error, about"


async def list_emails(
    conn: Connection, page: Page, *, account_id: UUID | None, template: str | None, to: str | None
) -> tuple[list[asyncpg.Record], int]:
    """A page of the mails, the newest first, and how many there are. account_id None: to everybody."""
    where = Where().add("account_id = {}", account_id).add("template = {}", template).add("to_address = {}", to)
    return await fetch_page(conn, page, where, columns=_EMAIL, table="emails", order_by="created_at DESC, id")


async def find_email(conn: Connection, email_id: UUID) -> asyncpg.Record | None:
    """One mail by its id."""
    return await conn.fetchrow(f"SELECT {_EMAIL} FROM emails WHERE id = $1", email_id)


@dataclass(frozen=True)
class Backlog:
    """What waits. Times are the oldest one's; None where nothing waits. The queue's age is in seconds of real time."""

    jobs_waiting: int
    oldest_job_seconds: float | None
    refreshes_waiting: int
    oldest_refresh_due_at: datetime | None
    events_failed: int
    oldest_failed_at: datetime | None
    events_waiting: int
    oldest_waiting_at: datetime | None


async def backlog(conn: Connection) -> Backlog:
    """How far behind the work is, in one query over indexes."""
    row = await conn.fetchrow(
        """
        SELECT * FROM
            -- The queue lives by PostgreSQL's own clock.
            (SELECT count(*) AS jobs_waiting,
                    extract(epoch FROM now() - min(execute_after))::float8 AS oldest_job_seconds
             FROM pgqueuer WHERE status = 'queued' AND execute_after <= now()) AS jobs,
            (SELECT count(*) AS refreshes_waiting, min(due_at) AS oldest_refresh_due_at FROM refreshes) AS refreshes,
            (SELECT count(*) AS events_failed, min(received_at) AS oldest_failed_at
             FROM events WHERE outcome = 'failed') AS failed,
            (SELECT count(*) AS events_waiting, min(received_at) AS oldest_waiting_at
             FROM events WHERE outcome = 'waiting') AS waiting
        """
    )
    assert row is not None  # noqa: S101 - four aggregates make one row
    return Backlog(**row)
