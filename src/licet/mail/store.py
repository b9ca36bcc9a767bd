"""The table emails: one row per template and business fact, with its delivery status."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.kit.ids import new_id
from licet.kit.storable import one_line
from licet.queue.jobs import enqueue
from licet.queue.store import DueTable

SEND_EMAIL_JOB = "send_email"
"""The job's entrypoint. The job's key is the email's id."""

MAX_SUBJECT_CHARACTERS = 200

EMAILS = DueTable("emails", key=("id",), attempts=False)
"""The queued emails; `claim_email` counts `attempts`."""


async def queue_email(
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
    """Queue an email, to be sent once the caller's transaction commits; once per template and fact.

    fact: what the email reports; (template, fact) is unique. about: the ids that it is rendered from, never a secret.
    subject: line breaks and control characters are removed. now: business time.
    """
    email_id = new_id()
    inserted_id = await conn.fetchval(
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
        one_line(subject, MAX_SUBJECT_CHARACTERS),
        about,
        now,
    )
    if inserted_id is not None:
        await enqueue(conn, SEND_EMAIL_JOB, str(inserted_id))


@dataclass(frozen=True)
class ClaimedEmail:
    """An email that this worker has claimed. attempts: includes the current one."""

    id: UUID
    template: str
    to_address: str
    subject: str
    about: dict[str, Any]
    attempts: int


async def claim_email(pool: Pool, email_id: UUID, now: datetime, until: datetime) -> ClaimedEmail | None:
    """Claim a queued email that is due. None if it is not, or if another worker holds it.

    until: when the email is due again if this process dies while sending.
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
    return ClaimedEmail(**row) if row else None


async def mark_sent(pool: Pool, email_id: UUID, now: datetime) -> None:
    """Mark an email as accepted by the mail server."""
    await pool.execute(
        "UPDATE emails SET status = 'sent', sent_at = $2, due_at = NULL, error = NULL WHERE id = $1", email_id, now
    )


async def mark_kept(pool: Pool, email_id: UUID) -> None:
    """Mark a queued email as kept: there is no mail server, and it is only shown."""
    await pool.execute("UPDATE emails SET status = 'kept', due_at = NULL WHERE id = $1 AND status = 'queued'", email_id)


async def mark_failed(pool: Pool, email_id: UUID, error: str, again_at: datetime | None) -> None:
    """Record a failed attempt. again_at: when to retry; None: never, and the status becomes failed."""
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
