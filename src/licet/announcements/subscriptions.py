"""Word of what became of a subscription: that it changed, that it will end, that it has, that it was bought in vain."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import asyncpg

from licet.announcements.mails import mail_buyer, mail_operator
from licet.db.connection import Connection
from licet.kit.statuses import ENDED
from licet.outbox import Happened, publish


async def announce_subscriptions(conn: Connection, stripe_subscription_ids: Collection[str], now: datetime) -> None:
    """Each change that Stripe told of, and each end; by mail each end that is scheduled, once for each date.

    What was never paid for ends without a mail.
    """
    if not stripe_subscription_ids:
        return
    rows = await conn.fetch(
        """
        WITH news AS (
            SELECT subscription.*, period_end_at, event,
                   CASE event WHEN 'subscription.deleted' THEN stripe_subscription_id
                              ELSE stripe_subscription_id || ':' || coalesce(mirror.changes, 1) END AS fact
            FROM subscriptions AS subscription
            LEFT JOIN mirrors AS mirror ON mirror.stripe_id = stripe_subscription_id
            CROSS JOIN LATERAL (
                SELECT CASE WHEN status = ANY ($2) THEN 'subscription.deleted' ELSE 'subscription.updated' END AS event
            ) AS named
            CROSS JOIN LATERAL (
                SELECT min(current_period_end_at) AS period_end_at FROM subscription_items AS item
                WHERE item.stripe_subscription_id = subscription.stripe_subscription_id
            ) AS items
            WHERE stripe_subscription_id = ANY ($1)
        )
        SELECT stripe_subscription_id, account_id, NULL AS customer_email, status, cancel_at_period_end, cancel_at,
               period_end_at, event, fact,
               EXISTS (SELECT 1 FROM outgoing_events AS said
                       WHERE said.event = news.event AND said.fact = news.fact) AS told
        FROM news ORDER BY stripe_subscription_id
        """,
        list(stripe_subscription_ids),
        list(ENDED),
    )
    await publish(conn, [_news(row) for row in rows if not row["told"]], now)
    for row in rows:
        ended = row["status"] in ENDED
        if row["status"] == "canceled" or (not ended and (row["cancel_at_period_end"] or row["cancel_at"])):
            await _mail_end(conn, row, now, ended=ended)


def _news(row: asyncpg.Record) -> Happened:
    """An end is told of once, anything else with each change."""
    about: dict[str, str | int] = {"subscriptionId": row["stripe_subscription_id"]}
    return Happened(row["event"], row["fact"], row["account_id"], about)


async def _mail_end(conn: Connection, row: asyncpg.Record, now: datetime, *, ended: bool) -> None:
    at = row["cancel_at"] or row["period_end_at"]
    subscription_id = row["stripe_subscription_id"]
    await mail_buyer(
        conn,
        template="cancellation",
        fact=f"{subscription_id}:ended" if ended else f"{subscription_id}:{at and int(at.timestamp())}",
        row=row,
        subject="Your subscription has ended" if ended else "Your subscription will end",
        about={"subscriptionId": subscription_id},
        now=now,
    )


async def announce_undone(
    conn: Connection, stripe_subscription_id: str, account_id: UUID, to: str | None, now: datetime
) -> None:
    """That a plan was bought twice and the second purchase is undone. to: the operator's address; None is nobody's."""
    about = {"subscriptionId": stripe_subscription_id}
    await publish(conn, [Happened("subscription.undone", stripe_subscription_id, account_id, {**about})], now)
    await mail_operator(
        conn,
        template="second_plan",
        fact=stripe_subscription_id,
        to=to,
        account_id=account_id,
        subject="A plan was bought twice: the second purchase is undone",
        about={**about},
        now=now,
    )
