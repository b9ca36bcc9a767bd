"""The e-mails' rows: one per business fact, and how far each has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.kit.ids import new_id
from licet.queue.jobs import enqueue

SEND = "mail_send"
"""The job's entrypoint; its key is the e-mail's id."""


async def queue_mail(
    conn: Connection,
    *,
    template: str,
    fact: str,
    to: str,
    account_id: UUID | None,
    subject: str,
    about: dict[str, Any],
    now: datetime,
) -> None:
    """Have a mail sent once the caller's transaction commits; a second one about the same fact is not made.

    fact: what it tells of, with the template unique for ever. about: the ids that it is rendered from, never a secret.
    subject: one line; what would break a header is taken out. now: business time.
    """
    email_id = new_id()
    made = await conn.fetchval(
        """
        INSERT INTO emails (id, account_id, template, fact, to_address, subject, about, status, created_at, due_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', $8, $8)
        ON CONFLICT (template, fact) DO NOTHING
        RETURNING id
        """,
        email_id,
        account_id,
        template,
        fact,
        to,
        one_line(subject),
        about,
        now,
    )
    if made is not None:
        await enqueue(conn, SEND, str(made))


def one_line(text: str) -> str:
    """The text without line breaks and control characters, at most 200 characters long."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:200]


@dataclass(frozen=True)
class Claimed:
    """A mail that is ours to send now. attempts counts this one."""

    id: UUID
    template: str
    to_address: str
    subject: str
    about: dict[str, Any]
    attempts: int


async def claim(pool: Pool, email_id: UUID, now: datetime, until: datetime) -> Claimed | None:
    """Take a mail that is due for sending; None where there is nothing to do, or another worker has it.

    until: when it is due again should we never come back from sending it.
    """
    row = await pool.fetchrow(
        """
        UPDATE emails SET attempts = attempts + 1, due_at = $3
        WHERE id = $1 AND status = 'queued' AND due_at <= $2
        RETURNING id, template, to_address, subject, about, attempts
        """,
        email_id,
        now,
        until,
    )
    return Claimed(**row) if row else None


async def mark_sent(pool: Pool, email_id: UUID, now: datetime) -> None:
    """It has left the house."""
    await pool.execute(
        "UPDATE emails SET status = 'sent', sent_at = $2, due_at = NULL, error = NULL WHERE id = $1", email_id, now
    )


async def mark_kept(pool: Pool, email_id: UUID) -> None:
    """There is no mail server: it is only shown."""
    await pool.execute("UPDATE emails SET status = 'kept', due_at = NULL WHERE id = $1 AND status = 'queued'", email_id)


async def mark_failed(pool: Pool, email_id: UUID, error: str, again_at: datetime | None) -> None:
    """It could not be sent: again at that time, or never (None)."""
    await pool.execute(
        """
        UPDATE emails SET
            error = $2, due_at = $3, status = CASE WHEN $3::timestamptz IS NULL THEN 'failed' ELSE status END
        WHERE id = $1
        """,
        email_id,
        error,
        again_at,
    )


async def list_due(pool: Pool, now: datetime) -> Sequence[str]:
    """The ids of mails whose time has come, a hundred at once."""
    rows = await pool.fetch("SELECT id FROM emails WHERE due_at <= $1 ORDER BY due_at LIMIT 100", now)
    return [str(row["id"]) for row in rows]
