"""Queues emails to a buyer or to the operator."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from licet.db.connection import Connection
from licet.mail.store import queue_email
from licet.notifications.store import find_account_email

log = structlog.get_logger(__name__)


async def mail_buyer(
    conn: Connection,
    *,
    template: str,
    fact: str,
    row: asyncpg.Record,
    subject: str,
    about: dict[str, Any],
    now: datetime,
) -> None:
    """Queue one email to the address given at the purchase, or else to the account's.

    row: what the email is about, with `account_id` and `customer_email`. Without an address, a warning is logged.
    """
    to = row["customer_email"] or await find_account_email(conn, row["account_id"])
    if to is None:
        log.warning("email_without_address", template=template, fact=fact)
        return
    await queue_email(
        conn,
        template=template,
        fact=fact,
        to=to,
        account_id=row["account_id"],
        subject=subject,
        about=about,
        now=now,
    )


async def mail_operator(
    conn: Connection,
    *,
    template: str,
    fact: str,
    to: str | None,
    account_id: UUID | None,
    subject: str,
    about: dict[str, Any],
    now: datetime,
) -> None:
    """Queue one email to the operator. to: LICET_OPERATOR_EMAIL; None: only log a warning."""
    if to is None:
        log.warning("email_without_address", template=template, fact=fact)
        return
    await queue_email(
        conn, template=template, fact=fact, to=to, account_id=account_id, subject=subject, about=about, now=now
    )
