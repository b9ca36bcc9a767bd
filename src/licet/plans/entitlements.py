"""What an account may use now, by its plans and its licenses.

A plan is held to the very rules of a license (`licenses/core.py: decide`): paid through, in grace, refunded, disputed,
ended. So an organisation whose renewal failed keeps its features for the days of grace, and no longer.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.kit.statuses import ENDED
from licet.licenses.core import Facts, Policy, Term, decide
from licet.licenses.facts_store import dispute_on_subscription, periods_of
from licet.licenses.for_subscription import ends_at, paid_until
from licet.licenses.view_store import status_now


@dataclass(frozen=True)
class EntitlementRecord:
    """A feature, and what it comes of: a plan's subscription, or a license (our id)."""

    feature: str
    source: Literal["plan", "license"]
    source_id: str
    product_id: UUID


async def list_entitlements(conn: Connection, account_id: UUID, *, now: datetime) -> list[EntitlementRecord]:
    """Every feature that the account may use at `now`, each with its source; plans first, in the catalogue's order."""
    return [*await _of_plans(conn, account_id, now), *await _of_licenses(conn, account_id, now)]


async def _of_plans(conn: Connection, account_id: UUID, now: datetime) -> list[EntitlementRecord]:
    items = await conn.fetch(
        """
        SELECT subscription.*, item.stripe_subscription_item_id, item.current_period_start_at,
               item.current_period_end_at, product.id AS product_id, product.features, product.grace_days,
               product.license_policy,
               EXISTS (SELECT 1 FROM cancellations AS going
                       WHERE going.stripe_subscription_id = subscription.stripe_subscription_id
                       UNION ALL
                       SELECT 1 FROM second_plans AS second
                       WHERE second.stripe_subscription_id = subscription.stripe_subscription_id) AS cancelling
        FROM subscriptions AS subscription
        JOIN subscription_items AS item USING (stripe_subscription_id)
        JOIN products AS product USING (stripe_product_id)
        WHERE subscription.account_id = $1 AND subscription.status <> ALL ($2) AND product.kind = 'plan'
        ORDER BY product.position, product.id, subscription.created_at, stripe_subscription_id, item.position
        """,
        account_id,
        list(ENDED),
    )
    return [
        EntitlementRecord(feature, "plan", item["stripe_subscription_id"], item["product_id"])
        for item in items
        if await _allowed(conn, item, now)
        for feature in item["features"]
    ]


async def _allowed(conn: Connection, item: asyncpg.Record, now: datetime) -> bool:
    policy = Policy.from_json({"prefix": "", **(item["license_policy"] or {}), "graceDays": item["grace_days"]})
    periods = await periods_of(conn, item["stripe_subscription_id"])
    dispute = await dispute_on_subscription(conn, item["stripe_subscription_id"])
    refunded = periods.refunded(item["stripe_subscription_item_id"])
    until = paid_until(item, item, periods, policy)
    term = Term(item["status"], until, ends_at(item, item), item["cancelling"])
    return decide(Facts(term, refunded, dispute), policy, now).status == "active"


async def _of_licenses(conn: Connection, account_id: UUID, now: datetime) -> list[EntitlementRecord]:
    rows = await conn.fetch(
        """
        SELECT license.id, license.status, license.reason, license.valid_until, license.then_status,
               product.id AS product_id, product.features
        FROM licenses AS license JOIN products AS product ON product.id = license.product_id
        WHERE license.account_id = $1 AND license.status = 'active' AND product.kind = 'license'
        ORDER BY product.position, license.created_at, license.id
        """,
        account_id,
    )
    return [
        EntitlementRecord(feature, "license", str(row["id"]), row["product_id"])
        for row in rows
        if status_now(row, now) == "active"
        for feature in row["features"]
    ]
