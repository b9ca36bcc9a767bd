"""Emails and outgoing events about subscriptions: updated, scheduled to cancel, ended, undone."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.kit.statuses import ENDED
from licet.mail import subjects
from licet.notifications import store
from licet.notifications.recipients import mail_buyer, mail_operator
from licet.outbox.store import OutgoingEvent, publish


async def notify_subscriptions(conn: Connection, stripe_subscription_ids: Collection[str], now: datetime) -> None:
    """Announce each subscription whose visible fields changed or that ended.

    Emails the buyer once per scheduled cancellation date and once at the end. A subscription that was never paid ends
    without an email.
    """
    if not stripe_subscription_ids:
        return
    subscriptions = await store.list_subscriptions_to_announce(conn, stripe_subscription_ids)
    await _publish_changes(conn, [row for row in subscriptions if row["fingerprint"] != row["told_as"]], now)
    for row in subscriptions:
        ended = row["status"] in ENDED
        if row["status"] == "canceled" or (not ended and (row["cancel_at_period_end"] or row["cancel_at"])):
            await _mail_cancellation(conn, row, now, ended=ended)


async def _publish_changes(conn: Connection, changed: Sequence[asyncpg.Record], now: datetime) -> None:
    if not changed:
        return
    await publish(conn, [_outgoing_event(row) for row in changed], now)
    await store.write_fingerprints(conn, changed)


def _outgoing_event(row: asyncpg.Record) -> OutgoingEvent:
    """`subscription.deleted` once per subscription, `subscription.updated` once per change."""
    subscription_id: str = row["stripe_subscription_id"]
    about: dict[str, str | int] = {"subscriptionId": subscription_id}
    if row["status"] in ENDED:
        return OutgoingEvent("subscription.deleted", subscription_id, row["account_id"], about)
    return OutgoingEvent("subscription.updated", f"{subscription_id}:{row['changes']}", row["account_id"], about)


async def _mail_cancellation(conn: Connection, row: asyncpg.Record, now: datetime, *, ended: bool) -> None:
    at = row["cancel_at"] or row["period_end_at"]
    subscription_id = row["stripe_subscription_id"]
    await mail_buyer(
        conn,
        template="cancellation",
        fact=f"{subscription_id}:ended" if ended else f"{subscription_id}:{at and int(at.timestamp())}",
        row=row,
        subject=subjects.SUBSCRIPTION_ENDED if ended else subjects.SUBSCRIPTION_WILL_END,
        about={"subscriptionId": subscription_id},
        now=now,
    )


async def notify_undone_duplicate(
    conn: Connection, stripe_subscription_id: str, account_id: UUID, to: str | None, now: datetime
) -> None:
    """Announce that a duplicate plan was undone. to: the operator's address; None: no email."""
    about: dict[str, str | int] = {"subscriptionId": stripe_subscription_id}
    await publish(conn, [OutgoingEvent("subscription.undone", stripe_subscription_id, account_id, about)], now)
    await mail_operator(
        conn,
        template="duplicate_plan",
        fact=stripe_subscription_id,
        to=to,
        account_id=account_id,
        subject=subjects.DUPLICATE_PLAN,
        about=about,
        now=now,
    )
