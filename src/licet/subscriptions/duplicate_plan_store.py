"""The live plans of an account, and the duplicates among them that are undone (`second_plans`)."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from licet.db.connection import Connection
from licet.kit.statuses import ENTITLED
from licet.queue.store import DueTable

DUPLICATE_PLANS = DueTable("second_plans", key=("stripe_subscription_id",))

LIVE_STATUSES = (*sorted(ENTITLED), "past_due")
"""Statuses of a subscription beside which the same plan is a duplicate."""


@dataclass(frozen=True)
class DuplicatePlan:
    """The subscription to undo, and the older one that stays."""

    stripe_subscription_id: str
    kept_subscription_id: str


@dataclass(frozen=True)
class LivePlan:
    """A live subscription to plans. plans: Stripe's product ids.

    compared: it was checked for duplicates before. made_here: a checkout session of Licet's bought it. one_plan: that
    session said that its buyer has one plan at a time.
    """

    created_at: datetime
    id: str
    status: str
    compared: bool
    plans: frozenset[str]
    made_here: bool
    one_plan: bool

    @property
    def age(self) -> tuple[datetime, str]:
        """The sort key, oldest first: the same order for every caller."""
        return self.created_at, self.id


async def find_account_to_compare(conn: Connection, stripe_subscription_id: str) -> str | None:
    """The account of a subscription that is entitled and was not compared yet, else None."""
    account_id = await conn.fetchval(
        """
        SELECT account_id FROM subscriptions
        WHERE stripe_subscription_id = $1 AND NOT compared AND status = ANY ($2)
        """,
        stripe_subscription_id,
        list(ENTITLED),
    )
    return None if account_id is None else str(account_id)


async def list_live_plans(conn: Connection, stripe_subscription_id: str) -> list[LivePlan]:
    """The live plans of the subscription's account, without those that are being cancelled or undone.

    The session's own event, which names the subscription, may come after the subscription's event. So the session is
    also found by the order's id, which Licet puts into the subscription's metadata.
    """
    rows = await conn.fetch(
        """
        SELECT other.created_at, other.stripe_subscription_id AS id, other.status, other.compared,
               array_agg(plan.stripe_product_id) AS plans,
               coalesce(bool_or(session.made_here), false) AS made_here,
               coalesce(bool_or(session.one_plan), false) AS one_plan
        FROM subscriptions AS mine
        JOIN subscriptions AS other ON other.account_id = mine.account_id AND other.status = ANY ($2)
        JOIN subscription_items AS item ON item.stripe_subscription_id = other.stripe_subscription_id
        JOIN products AS plan ON plan.stripe_product_id = item.stripe_product_id AND plan.kind = 'plan'
        LEFT JOIN mirrors ON mirrors.stripe_id = other.stripe_subscription_id
        LEFT JOIN LATERAL (
            SELECT made_here, one_plan FROM checkout_sessions
            WHERE made_here AND stripe_subscription_id = other.stripe_subscription_id
            UNION
            SELECT made_here, one_plan FROM checkout_sessions
            WHERE made_here AND order_id = CASE
                WHEN mirrors.object -> 'metadata' ->> 'licet_order_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                THEN (mirrors.object -> 'metadata' ->> 'licet_order_id')::uuid END
        ) AS session ON true
        WHERE mine.stripe_subscription_id = $1
            AND NOT EXISTS (SELECT 1 FROM ending_subscriptions AS ending
                            WHERE ending.stripe_subscription_id = other.stripe_subscription_id)
        GROUP BY other.stripe_subscription_id
        """,
        stripe_subscription_id,
        list(LIVE_STATUSES),
    )
    return [LivePlan(**{**row, "plans": frozenset(row["plans"])}) for row in rows]


async def write_compared(conn: Connection, stripe_subscription_id: str) -> None:
    """Store that the subscription was compared, so that it is not compared again."""
    await conn.execute(
        "UPDATE subscriptions SET compared = true WHERE stripe_subscription_id = $1", stripe_subscription_id
    )


async def insert_duplicate_plan(conn: Connection, duplicate: DuplicatePlan, now: datetime) -> None:
    """Have a job undo the duplicate. now: business time."""
    await conn.execute(
        """
        INSERT INTO second_plans (stripe_subscription_id, kept_subscription_id, found_at, due_at)
        VALUES ($1, $2, $3, $3) ON CONFLICT DO NOTHING
        """,
        duplicate.stripe_subscription_id,
        duplicate.kept_subscription_id,
        now,
    )


async def find_to_undo(conn: Connection, stripe_subscription_id: str) -> asyncpg.Record | None:
    """`(status, account_id, kept_subscription_id)` of a duplicate that is not undone yet, else None."""
    return await conn.fetchrow(
        """
        SELECT second.kept_subscription_id, subscription.status, subscription.account_id
        FROM second_plans AS second JOIN subscriptions AS subscription USING (stripe_subscription_id)
        WHERE stripe_subscription_id = $1 AND second.due_at IS NOT NULL
        """,
        stripe_subscription_id,
    )


async def find_for_email(conn: Connection, stripe_subscription_id: str) -> asyncpg.Record | None:
    """`(name, account_id, undone, kept, plan)`: the account, both subscriptions, the plans' names."""
    return await conn.fetchrow(
        """
        SELECT account.name, account.id AS account_id, second.stripe_subscription_id AS undone,
               second.kept_subscription_id AS kept,
               (SELECT string_agg(DISTINCT product.name, ', ')
                FROM subscription_items AS item JOIN products AS product USING (stripe_product_id)
                WHERE item.stripe_subscription_id = second.stripe_subscription_id AND product.kind = 'plan') AS plan
        FROM second_plans AS second
        JOIN subscriptions AS subscription USING (stripe_subscription_id)
        JOIN accounts AS account ON account.id = subscription.account_id
        WHERE second.stripe_subscription_id = $1
        """,
        stripe_subscription_id,
    )


async def delete_duplicate_plan(conn: Connection, stripe_subscription_id: str) -> None:
    """The plan that it duplicated has ended, so it stays. It is compared again, with the other plans."""
    await conn.execute("DELETE FROM second_plans WHERE stripe_subscription_id = $1", stripe_subscription_id)
    await conn.execute(
        "UPDATE subscriptions SET compared = false WHERE stripe_subscription_id = $1", stripe_subscription_id
    )


async def write_undone(conn: Connection, stripe_subscription_id: str) -> None:
    """Store that the duplicate is cancelled and refunded: there is no more work due."""
    await conn.execute(
        "UPDATE second_plans SET due_at = NULL WHERE stripe_subscription_id = $1", stripe_subscription_id
    )
