"""A plan is bought once: where an account has paid for it a second time, the later purchase is undone.

The checkout refuses what is bought already, but two open sessions can both be paid. So the moment in which a purchase
of ours is first seen to be live, it is compared with the account's other subscriptions. Of two the one made later goes,
whichever we learnt of first, where both have the same plan, or where its own session said that its buyer has one plan
at a time: another plan that the buyer was let buy stays. It is compared once, so that a later change of plans undoes
nothing; and only what a session of ours has bought is ever undone. Source: contract, sections 2 and 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from licet.db.connection import Connection
from licet.db.locks import lock
from licet.kit.statuses import ENTITLED


@dataclass(frozen=True)
class DuplicatePlan:
    """The subscription to undo, and the one that stays."""

    stripe_subscription_id: str
    kept_subscription_id: str


@dataclass(frozen=True)
class Standing:
    """A subscription to plans that has not ended. one_plan: its session said that its buyer has one at a time.

    made_here: whether a session of ours bought it. compared: whether it was looked at before.
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
        """What they are ordered by: the same for whoever asks."""
        return self.created_at, self.id

    def duplicates(self, first: "Standing") -> bool:
        """Whether it is bought in vain beside one that was made before it."""
        return self.made_here and first.age < self.age and (self.one_plan or bool(first.plans & self.plans))


def to_undo(mine: Standing, others: Sequence[Standing]) -> list[DuplicatePlan]:
    """`mine` itself, where there is one that it goes for; else whatever goes for `mine`."""
    first = min((one for one in others if mine.duplicates(one)), key=lambda one: one.age, default=None)
    if first is not None:
        return [DuplicatePlan(mine.id, first.id)]
    return [DuplicatePlan(one.id, mine.id) for one in others if one.duplicates(mine)]


async def find_duplicate_plans(conn: Connection, stripe_subscription_id: str) -> list[DuplicatePlan]:
    """What is to be undone now that this subscription is live; mostly nothing. It is not compared again.

    Two purchases of one account, by two customers of it perhaps, are compared one after the other.
    """
    account_id = await conn.fetchval(
        """
        SELECT account_id FROM subscriptions
        WHERE stripe_subscription_id = $1 AND NOT compared AND status = ANY ($2)
        """,
        stripe_subscription_id,
        list(ENTITLED),
    )
    if account_id is None:
        return []
    await lock(conn, [str(account_id)])
    standing = await _standing(conn, stripe_subscription_id)
    mine = next((one for one in standing if one.id == stripe_subscription_id), None)
    if mine is None:
        return []
    await conn.execute(
        "UPDATE subscriptions SET compared = true WHERE stripe_subscription_id = $1", stripe_subscription_id
    )
    return to_undo(mine, [one for one in standing if one is not mine])


async def _standing(conn: Connection, stripe_subscription_id: str) -> list[Standing]:
    """The plans that the subscription's account has, but for what is being ended at once, or undone.

    The session's own event, which names the subscription, may come after the subscription's: the order's id in its
    metadata, which we put there, leads to the session as well.
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
            AND NOT EXISTS (SELECT 1 FROM cancellations AS going
                            WHERE going.stripe_subscription_id = other.stripe_subscription_id)
            AND NOT EXISTS (SELECT 1 FROM second_plans AS second
                            WHERE second.stripe_subscription_id = other.stripe_subscription_id)
        GROUP BY other.stripe_subscription_id
        """,
        stripe_subscription_id,
        list(STANDS),
    )
    return [Standing(**{**row, "plans": frozenset(row["plans"])}) for row in rows]


STANDS = (*sorted(ENTITLED), "past_due")
"""Statuses of a plan that one is subscribed to, beside which a second one is bought in vain."""


async def insert(conn: Connection, found: DuplicatePlan, now: datetime) -> None:
    """Have a job undo it. now: business time."""
    await conn.execute(
        """
        INSERT INTO second_plans (stripe_subscription_id, kept_subscription_id, found_at, due_at)
        VALUES ($1, $2, $3, $3) ON CONFLICT DO NOTHING
        """,
        found.stripe_subscription_id,
        found.kept_subscription_id,
        now,
    )


async def find_open(conn: Connection, stripe_subscription_id: str) -> asyncpg.Record | None:
    """`(attempts, status, account_id, kept_subscription_id)` of one that is not done with."""
    return await conn.fetchrow(
        """
        SELECT second.attempts, second.kept_subscription_id, subscription.status, subscription.account_id
        FROM second_plans AS second JOIN subscriptions AS subscription USING (stripe_subscription_id)
        WHERE stripe_subscription_id = $1 AND second.due_at IS NOT NULL
        """,
        stripe_subscription_id,
    )


async def drop(conn: Connection, stripe_subscription_id: str) -> None:
    """It does not go for the one before it, which has ended; whether it does for another, is compared anew."""
    await conn.execute("DELETE FROM second_plans WHERE stripe_subscription_id = $1", stripe_subscription_id)
    await conn.execute(
        "UPDATE subscriptions SET compared = false WHERE stripe_subscription_id = $1", stripe_subscription_id
    )


async def put_off(conn: Connection, stripe_subscription_id: str, until: datetime) -> None:
    """Later: Stripe could not be asked."""
    await conn.execute(
        "UPDATE second_plans SET attempts = attempts + 1, due_at = $2 WHERE stripe_subscription_id = $1",
        stripe_subscription_id,
        until,
    )


async def done(conn: Connection, stripe_subscription_id: str) -> None:
    """The money is on its way back."""
    await conn.execute(
        "UPDATE second_plans SET due_at = NULL WHERE stripe_subscription_id = $1", stripe_subscription_id
    )


async def list_due(conn: Connection, now: datetime) -> Sequence[str]:
    """Those whose time has come, the longest due first."""
    rows = await conn.fetch(
        "SELECT stripe_subscription_id FROM second_plans WHERE due_at <= $1 ORDER BY due_at LIMIT 100", now
    )
    return [row["stripe_subscription_id"] for row in rows]
