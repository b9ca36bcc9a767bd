"""The live plans of an account, and the duplicates among them that are undone (`second_plans`)."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from licet.db.connection import Connection
from licet.kit.statuses import ENTITLED

LIVE_STATUSES = (*sorted(ENTITLED), "past_due")
"""Statuses of a subscription beside which the same plan is a duplicate."""


@dataclass(frozen=True)
class DuplicatePlan:
    """What to undo: these products of a subscription. The older subscription stays.

    products: Stripe's ids.
    """

    stripe_subscription_id: str
    kept_subscription_id: str
    products: frozenset[str]


@dataclass(frozen=True)
class LivePlan:
    """A live subscription to plans.

    plans, bought_plans: Stripe's product ids, now and when it was compared.
    made_here: a checkout session of Licet's bought it. one_plan: that session said that its buyer has one plan at a
    time.
    """

    created_at: datetime
    id: str
    plans: frozenset[str]
    bought_plans: frozenset[str]
    made_here: bool
    one_plan: bool

    @property
    def age(self) -> tuple[datetime, str]:
        """The sort key, oldest first: the same order for every caller."""
        return self.created_at, self.id


async def find_to_compare(conn: Connection, stripe_subscription_id: str) -> asyncpg.Record | None:
    """`(account_id, status)` of a subscription that was not compared and is not `incomplete`, else None."""
    return await conn.fetchrow(
        """
        SELECT account_id, status FROM subscriptions
        WHERE stripe_subscription_id = $1 AND NOT compared AND status <> 'incomplete'
        """,
        stripe_subscription_id,
    )


async def list_live_plans(conn: Connection, stripe_subscription_id: str) -> list[LivePlan]:
    """The live plans of the subscription's account, without those that are being cancelled or undone.

    The session's own event, which names the subscription, may come after the subscription's event. So the session is
    also found by the order's id, which Licet puts into the subscription's metadata. Metadata can be copied: it counts
    only if the session names no other subscription.
    """
    rows = await conn.fetch(
        """
        SELECT other.created_at, other.stripe_subscription_id AS id, array_agg(plan.stripe_product_id) AS plans,
               CASE WHEN other.stripe_subscription_id = $1 THEN array_agg(plan.stripe_product_id)
                    ELSE other.bought_plans END AS bought_plans,
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
            WHERE made_here AND account_id = other.account_id AND stripe_subscription_id IS NULL
                AND order_id = CASE
                    WHEN mirrors.object -> 'metadata' ->> 'licet_order_id'
                        ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                    THEN (mirrors.object -> 'metadata' ->> 'licet_order_id')::uuid END
        ) AS session ON true
        WHERE mine.stripe_subscription_id = $1
            AND NOT EXISTS (
                SELECT 1 FROM ending_subscriptions AS ending
                WHERE ending.stripe_subscription_id = other.stripe_subscription_id
                    AND (ending.stripe_product_ids IS NULL OR item.stripe_product_id = ANY (ending.stripe_product_ids)))
        GROUP BY other.stripe_subscription_id
        """,
        stripe_subscription_id,
        list(LIVE_STATUSES),
    )
    return [
        LivePlan(**{**row, "plans": frozenset(row["plans"]), "bought_plans": frozenset(row["bought_plans"])})
        for row in rows
    ]


async def write_compared(conn: Connection, stripe_subscription_id: str, bought_plans: frozenset[str]) -> None:
    """Store that the subscription was compared and what plans it had then; it is not compared again."""
    await conn.execute(
        "UPDATE subscriptions SET compared = true, bought_plans = $2 WHERE stripe_subscription_id = $1",
        stripe_subscription_id,
        sorted(bought_plans),
    )


async def insert_duplicate_plan(conn: Connection, duplicate: DuplicatePlan, now: datetime) -> None:
    """Have a job undo the duplicate. now: business time."""
    await conn.execute(
        """
        INSERT INTO second_plans (stripe_subscription_id, kept_subscription_id, stripe_product_ids, found_at, due_at)
        VALUES ($1, $2, $3, $4, $4) ON CONFLICT DO NOTHING
        """,
        duplicate.stripe_subscription_id,
        duplicate.kept_subscription_id,
        sorted(duplicate.products),
        now,
    )
