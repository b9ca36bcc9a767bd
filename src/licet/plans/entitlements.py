"""The features that an account may use now, by its plans and its licenses.

A plan follows the same rules as a license (`licenses/core.py: decide`): paid until, in grace, refunded, disputed,
ended. So an organisation whose renewal failed keeps its features during the grace days, and no longer.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.licenses.core import Facts, Term, decide
from licet.licenses.facts_store import dispute_on_subscription, periods_of
from licet.licenses.for_subscription import ends_at, paid_until
from licet.licenses.policy import Policy
from licet.licenses.view_store import status_now
from licet.plans.store import list_active_licenses, list_plan_items


@dataclass(frozen=True)
class EntitlementRecord:
    """A feature and its source: a plan's subscription (Stripe's id), or a license (Licet's id)."""

    feature: str
    source: Literal["plan", "license"]
    source_id: str
    product_id: UUID


async def list_entitlements(conn: Connection, account_id: UUID, *, now: datetime) -> list[EntitlementRecord]:
    """The features that the account may use at `now`: of plans, then of licenses; in catalogue order."""
    return [*await _of_plans(conn, account_id, now), *await _of_licenses(conn, account_id, now)]


async def _of_plans(conn: Connection, account_id: UUID, now: datetime) -> list[EntitlementRecord]:
    return [
        EntitlementRecord(feature, "plan", item["stripe_subscription_id"], item["product_id"])
        for item in await list_plan_items(conn, account_id)
        if await _is_active(conn, item, now)
        for feature in item["features"]
    ]


async def _is_active(conn: Connection, item: asyncpg.Record, now: datetime) -> bool:
    policy = Policy.from_json({"prefix": "", **(item["license_policy"] or {}), "graceDays": item["grace_days"]})
    periods = await periods_of(conn, item["stripe_subscription_id"])
    dispute = await dispute_on_subscription(conn, item["stripe_subscription_id"])
    refunded = periods.refunded(item["stripe_subscription_item_id"])
    until = paid_until(item, item, periods, policy)
    term = Term(item["status"], until, ends_at(item, item), item["cancelling"])
    return decide(Facts(term, refunded, dispute), policy, now).status == "active"


async def _of_licenses(conn: Connection, account_id: UUID, now: datetime) -> list[EntitlementRecord]:
    return [
        EntitlementRecord(feature, "license", str(row["id"]), row["product_id"])
        for row in await list_active_licenses(conn, account_id)
        if status_now(row, now) == "active"
        for feature in row["features"]
    ]
