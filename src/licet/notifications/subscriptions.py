"""Word of what became of a subscription: that it changed, that it will end, that it has, that it was bought in vain."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.kit.statuses import ENDED
from licet.notifications.recipients import mail_buyer, mail_operator
from licet.outbox import OutgoingEvent, publish


async def announce_subscriptions(conn: Connection, stripe_subscription_ids: Collection[str], now: datetime) -> None:
    """Each change of what is shown of it, and each end; by mail each end that is scheduled, once for each date.

    What was never paid for ends without a mail.
    """
    if not stripe_subscription_ids:
        return
    rows = await conn.fetch(
        """
        SELECT stripe_subscription_id, account_id, NULL AS customer_email, status, cancel_at_period_end, cancel_at,
               period_end_at, coalesce(mirror.changes, 1) AS changes, told_as,
               md5(row(status, cancel_at_period_end, cancel_at, canceled_at, trial_end_at, items.shown)::text) AS looks
        FROM subscriptions AS subscription
        LEFT JOIN LATERAL (SELECT changes FROM mirrors WHERE stripe_id = stripe_subscription_id) AS mirror ON true
        CROSS JOIN LATERAL (
            SELECT min(current_period_end_at) AS period_end_at,
                   array_agg(row(stripe_price_id, stripe_product_id, quantity, current_period_start_at,
                                 current_period_end_at)::text ORDER BY position) AS shown
            FROM subscription_items AS item
            WHERE item.stripe_subscription_id = subscription.stripe_subscription_id
        ) AS items
        WHERE stripe_subscription_id = ANY ($1) ORDER BY stripe_subscription_id
        """,
        list(stripe_subscription_ids),
    )
    await _publish(conn, [row for row in rows if row["looks"] != row["told_as"]], now)
    for row in rows:
        ended = row["status"] in ENDED
        if row["status"] == "canceled" or (not ended and (row["cancel_at_period_end"] or row["cancel_at"])):
            await _mail_end(conn, row, now, ended=ended)


async def _publish(conn: Connection, changed: Sequence[asyncpg.Record], now: datetime) -> None:
    """Tell of those that look otherwise than they did when they were last told of; mostly there are none."""
    if not changed:
        return
    await publish(conn, [_news(row) for row in changed], now)
    await conn.execute(
        """
        UPDATE subscriptions SET told_as = looks
        FROM unnest($1::text[], $2::text[]) AS told (id, looks) WHERE stripe_subscription_id = told.id
        """,
        [row["stripe_subscription_id"] for row in changed],
        [row["looks"] for row in changed],
    )


def _news(row: asyncpg.Record) -> OutgoingEvent:
    """An end is told of once, anything else with each change."""
    subscription_id: str = row["stripe_subscription_id"]
    about: dict[str, str | int] = {"subscriptionId": subscription_id}
    if row["status"] in ENDED:
        return OutgoingEvent("subscription.deleted", subscription_id, row["account_id"], about)
    return OutgoingEvent("subscription.updated", f"{subscription_id}:{row['changes']}", row["account_id"], about)


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
    about: dict[str, str | int] = {"subscriptionId": stripe_subscription_id}
    await publish(conn, [OutgoingEvent("subscription.undone", stripe_subscription_id, account_id, about)], now)
    await mail_operator(
        conn,
        template="second_plan",
        fact=stripe_subscription_id,
        to=to,
        account_id=account_id,
        subject="A plan was bought twice: the second purchase is undone",
        about=about,
        now=now,
    )
