"""A plan is bought once: where an account has paid for it a second time, the later purchase is undone.

The checkout refuses what is bought already, but two open sessions can both be paid. So the moment in which a purchase
of ours is first seen to be live, it is compared with the account's other subscriptions: of two that have the same plan
the one made later goes, whichever we learnt of first. It is compared once, so that a later change of plans undoes
nothing; and only what a session of ours has bought is ever undone. Source: contract, sections 2 and 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from licet.db.connection import Connection
from licet.kit.statuses import ENTITLED


@dataclass(frozen=True)
class SecondPlan:
    """The subscription to undo, and the one that stays."""

    stripe_subscription_id: str
    kept_subscription_id: str


_LIVE_PURCHASE = """
    SELECT subscription.account_id, subscription.created_at
    FROM subscriptions AS subscription JOIN mirrors ON mirrors.stripe_id = subscription.stripe_subscription_id
    WHERE subscription.stripe_subscription_id = $1 AND NOT subscription.compared AND subscription.status = ANY ($2)
        AND EXISTS (
            SELECT 1 FROM checkout_sessions AS session WHERE session.made_here
                AND (session.stripe_subscription_id = $1
                     OR session.order_id::text = mirrors.object -> 'metadata' ->> 'licet_order_id'))
"""
# The session's own event, which names the subscription, may come after the subscription's.

_TWINS = """
    SELECT DISTINCT other.stripe_subscription_id, other.created_at, EXISTS (
        SELECT 1 FROM checkout_sessions AS session JOIN mirrors ON mirrors.stripe_id = other.stripe_subscription_id
        WHERE session.made_here
            AND (session.stripe_subscription_id = other.stripe_subscription_id
                 OR session.order_id::text = mirrors.object -> 'metadata' ->> 'licet_order_id')
    ) AS made_here
    FROM subscription_items AS mine
    JOIN products AS plan ON plan.stripe_product_id = mine.stripe_product_id AND plan.kind = 'plan'
    JOIN subscription_items AS theirs ON theirs.stripe_product_id = plan.stripe_product_id
    JOIN subscriptions AS other ON other.stripe_subscription_id = theirs.stripe_subscription_id
    WHERE mine.stripe_subscription_id = $1 AND other.account_id = $2 AND other.stripe_subscription_id <> $1
        AND other.status = ANY ($3)
        AND NOT EXISTS (SELECT 1 FROM cancellations AS going
                        WHERE going.stripe_subscription_id = other.stripe_subscription_id)
"""

_STANDS = (*sorted(ENTITLED), "past_due")


async def find_second_plans(conn: Connection, stripe_subscription_id: str) -> list[SecondPlan]:
    """What is to be undone now that this subscription is live; mostly nothing. It is not compared again.

    The caller holds the lock of the customer.
    """
    mine = await conn.fetchrow(_LIVE_PURCHASE, stripe_subscription_id, sorted(ENTITLED))
    if mine is None:
        return []
    await conn.execute(
        "UPDATE subscriptions SET compared = true WHERE stripe_subscription_id = $1", stripe_subscription_id
    )
    twins = await conn.fetch(_TWINS, stripe_subscription_id, mine["account_id"], list(_STANDS))
    return _undone(stripe_subscription_id, mine["created_at"], twins)


def _undone(mine: str, created_at: datetime, twins: Sequence[asyncpg.Record]) -> list[SecondPlan]:
    """All but the first one, as far as sessions of ours bought them."""
    purchases = [(created_at, mine, True)]
    purchases += [(twin["created_at"], twin["stripe_subscription_id"], twin["made_here"]) for twin in twins]
    purchases.sort()
    kept = purchases[0][1]
    return [SecondPlan(id_, kept) for _, id_, made_here in purchases[1:] if made_here]


async def insert(conn: Connection, found: SecondPlan, now: datetime) -> None:
    """Have a job give the money back. now: business time."""
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
    """`(attempts, status, stripe_latest_invoice_id, account_id, kept_subscription_id)` of one that is not done with."""
    return await conn.fetchrow(
        """
        SELECT second.attempts, second.kept_subscription_id, subscription.status, subscription.account_id,
               subscription.stripe_latest_invoice_id
        FROM second_plans AS second JOIN subscriptions AS subscription USING (stripe_subscription_id)
        WHERE stripe_subscription_id = $1 AND second.due_at IS NOT NULL
        """,
        stripe_subscription_id,
    )


async def put_off(conn: Connection, stripe_subscription_id: str, until: datetime) -> None:
    """Later: it has not ended yet, or Stripe could not be asked."""
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
