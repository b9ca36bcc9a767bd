# ruff: noqa: S608 - only the constants below are put into the statements
"""SQL for the operators' routes: Stripe events, emails, and the pending work."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.db.listing import Where, fetch_page
from licet.kit.pages import Page

# The payload is left out, because it contains client secrets of payments. Stripe's dashboard shows it.
_EVENT = """
    stripe_event_id, type, outcome, reason, stripe_object_id, account_id, api_version, created_at, received_at,
    attempts, error, retry_at"""
_NEWEST_EVENT = "received_at DESC, stripe_event_id"


async def list_event_rows(
    conn: Connection, page: Page, *, type_: str | None, outcome: str | None
) -> tuple[list[asyncpg.Record], int]:
    """A page of the Stripe events, the last received first, and the total number."""
    where = Where().add("type = {}", type_).add("outcome = {}", outcome)
    return await fetch_page(conn, page, where, columns=_EVENT, table="events", order_by=_NEWEST_EVENT)


async def find_event(conn: Connection, stripe_event_id: str) -> asyncpg.Record | None:
    """The event with this Stripe id."""
    return await conn.fetchrow(f"SELECT {_EVENT} FROM events WHERE stripe_event_id = $1", stripe_event_id)


_EMAIL = "id, to_address, template, subject, status, account_id, created_at, sent_at, error, about"


async def list_email_rows(
    conn: Connection, page: Page, *, account_id: UUID | None, template: str | None, to: str | None
) -> tuple[list[asyncpg.Record], int]:
    """A page of the emails, the newest first, and the total number. account_id None: of all accounts."""
    where = Where().add("account_id = {}", account_id).add("template = {}", template).add("to_address = {}", to)
    return await fetch_page(conn, page, where, columns=_EMAIL, table="emails", order_by="created_at DESC, id")


async def find_email(conn: Connection, email_id: UUID) -> asyncpg.Record | None:
    """The email with this id."""
    return await conn.fetchrow(f"SELECT {_EMAIL} FROM emails WHERE id = $1", email_id)


async def write_heartbeat(conn: Connection) -> None:
    """Writes to the database as events do, at most once a second.

    Raises asyncpg's errors if that is not possible.

    The row shows that the write-ahead log can be written and that transactions are not read-only. It needs no further
    space, so 20,000 numbers, more than `work_mem` holds, are written to a temporary file: that fails on a full disk.
    """
    # Several statements at once are one transaction, and one round trip.
    await conn.execute(
        """
        SET LOCAL work_mem = '64kB';
        UPDATE heartbeat SET at = now() WHERE at NOT BETWEEN now() - interval '1 second' AND now();
        SELECT count(*) FROM generate_series(1, 20000) WHERE (SELECT at = now() FROM heartbeat);
        """
    )


@dataclass(frozen=True)
class Backlog:
    """Counts of pending work, each with the time of the oldest item, None if there is none.

    oldest_job_seconds: age by PostgreSQL's clock.
    """

    jobs_waiting: int
    oldest_job_seconds: float | None
    refreshes_waiting: int
    oldest_refresh_due_at: datetime | None
    events_failed: int
    oldest_failed_at: datetime | None
    events_waiting: int
    oldest_waiting_at: datetime | None


async def read_backlog(conn: Connection) -> Backlog:
    """Reads the pending work, in one query that uses indexes."""
    row = await conn.fetchrow(
        """
        SELECT * FROM
            -- The queue uses PostgreSQL's clock.
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
