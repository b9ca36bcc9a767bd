"""To whom a mail goes: to a buyer, or to the operator."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from licet.db.connection import Connection
from licet.mail.store import queue_mail

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
    """Queue one mail to the purchase's address, else to the account's. Nobody to write to is said in the log.

    row: what it is about, with `account_id` and `customer_email`.
    """
    to = row["customer_email"] or await conn.fetchval(
        """
        SELECT coalesce(account.email, customer.email) FROM accounts AS account
        LEFT JOIN customers AS customer USING (stripe_customer_id) WHERE account.id = $1
        """,
        row["account_id"],
    )
    if to is None:
        log.warning("mail_without_address", template=template, fact=fact)
        return
    await queue_mail(
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
    """Queue one mail to LICET_OPERATOR_EMAIL. to: None where that is unset, which is said in the log."""
    if to is None:
        log.warning("mail_without_address", template=template, fact=fact)
        return
    await queue_mail(
        conn, template=template, fact=fact, to=to, account_id=account_id, subject=subject, about=about, now=now
    )
