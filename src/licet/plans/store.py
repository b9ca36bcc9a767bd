"""Plans in the catalogue, the plan that an account is subscribed to, and the features that it has."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.kit.statuses import ENDED, ENTITLED
from licet.plans.core import BillingInterval, Place


@dataclass(frozen=True)
class PlanPriceRecord:
    """A price of a plan. Amount in minor units of `currency`. trial_days: 0 means no trial."""

    place: Place
    amount: int
    currency: str
    trial_days: int


@dataclass(frozen=True)
class PlanRecord:
    """A plan with its prices, which are in the catalogue's order."""

    product_id: UUID
    stripe_product_id: str
    name: str
    description: str | None
    features: list[str]
    prices: list[PlanPriceRecord]


@dataclass(frozen=True)
class CurrentPlan:
    """A subscription to a plan, not ended. Times are aware UTC.

    planned_price_id: the price of a pending change, which takes effect when the period ends; None without one.
    paused_collection: what happens to its invoices while collection is paused; None if it is not.
    """

    stripe_subscription_id: str
    stripe_customer_id: str
    status: str
    stripe_item_id: str
    stripe_product_id: str
    place: Place
    currency: str
    quantity: int
    period_end_at: datetime
    trial_end_at: datetime | None
    cancel_at_period_end: bool
    cancel_at: datetime | None
    stripe_schedule_id: str | None
    planned_price_id: str | None
    stripe_latest_invoice_id: str | None
    paused_collection: str | None

    @property
    def is_scheduled_to_cancel(self) -> bool:
        """True if a cancellation is scheduled."""
        return self.cancel_at_period_end or self.cancel_at is not None


async def list_plans(conn: Connection, current: CurrentPlan | None) -> list[PlanRecord]:
    """The plans that an account may choose, in the catalogue's order: those on sale, and its current one.

    current: the account's plan. If that is archived, it is listed with the current price only.
    """
    rows = await conn.fetch(
        """
        SELECT product.id, product.stripe_product_id, product.name, product.description, product.features,
               product.rank, price.stripe_price_id, price.unit_amount, price.currency, price.interval,
               price.interval_count, price.trial_days
        FROM products AS product JOIN prices AS price USING (stripe_product_id)
        WHERE product.kind = 'plan' AND price.unit_amount IS NOT NULL AND price.interval IS NOT NULL
            AND (product.active AND price.active AND price.position IS NOT NULL OR price.stripe_price_id = $1)
        ORDER BY product.position, product.id, price.position NULLS LAST
        """,
        current.place.stripe_price_id if current else None,
    )
    plans: dict[UUID, PlanRecord] = {}
    for row in rows:
        plan = plans.setdefault(
            row["id"],
            PlanRecord(row["id"], row["stripe_product_id"], row["name"], row["description"], row["features"], []),
        )
        plan.prices.append(_price(row))
    return list(plans.values())


def _price(row: asyncpg.Record) -> PlanPriceRecord:
    return PlanPriceRecord(_place(row), row["unit_amount"], row["currency"], row["trial_days"])


def _place(row: asyncpg.Record) -> Place:
    return Place(row["stripe_price_id"], row["rank"], BillingInterval(row["interval"], row["interval_count"]))


async def find_current_plan(conn: Connection | Pool, account_id: UUID) -> CurrentPlan | None:
    """The account's plan: the oldest subscription that has not ended, one that is paid up before others.

    Plans that are being cancelled immediately, or undone as duplicates, cannot be changed and do not count.
    """
    row = await conn.fetchrow(
        """
        SELECT subscription.*, item.stripe_subscription_item_id AS stripe_item_id, item.stripe_product_id,
               item.stripe_price_id, item.interval, item.interval_count, item.currency, item.quantity,
               item.current_period_end_at AS period_end_at, product.rank,
               (SELECT planned.stripe_price_id
                FROM subscription_schedules AS schedule
                JOIN subscription_schedule_items AS planned USING (stripe_schedule_id)
                WHERE schedule.stripe_schedule_id = subscription.stripe_schedule_id AND schedule.status = 'active'
                    AND planned.starts_at >= item.current_period_end_at AND planned.position = 0
                ORDER BY planned.phase LIMIT 1) AS planned_price_id
        FROM subscriptions AS subscription
        JOIN subscription_items AS item USING (stripe_subscription_id)
        JOIN products AS product USING (stripe_product_id)
        WHERE subscription.account_id = $1 AND subscription.status <> ALL ($2) AND product.kind = 'plan'
            AND NOT EXISTS (
                SELECT 1 FROM ending_subscriptions AS ending
                WHERE ending.stripe_subscription_id = subscription.stripe_subscription_id
                    AND (ending.stripe_product_ids IS NULL OR item.stripe_product_id = ANY (ending.stripe_product_ids)))
        ORDER BY (subscription.status = ANY ($3)) DESC, subscription.created_at, stripe_subscription_id, item.position
        LIMIT 1
        """,
        account_id,
        list(ENDED),
        list(ENTITLED),
    )
    return _current(dict(row)) if row else None


def _current(row: dict[str, Any]) -> CurrentPlan:
    place = Place(row["stripe_price_id"], row["rank"], BillingInterval(row["interval"], row["interval_count"]))
    fields = CurrentPlan.__dataclass_fields__.keys() - {"place"}
    return CurrentPlan(place=place, **{name: row[name] for name in fields})


async def list_other_items(conn: Connection, plan: CurrentPlan) -> list[asyncpg.Record]:
    """`(id, ends)` of the subscription's other items: Stripe's id, and the end of the current period."""
    return await conn.fetch(
        """
        SELECT stripe_subscription_item_id AS id, current_period_end_at AS ends FROM subscription_items
        WHERE stripe_subscription_id = $1 AND stripe_subscription_item_id <> $2
        """,
        plan.stripe_subscription_id,
        plan.stripe_item_id,
    )


async def list_plan_items(conn: Connection, account_id: UUID) -> list[asyncpg.Record]:
    """The items of the account's plans, with subscription and product, in the catalogue's order.

    Ended subscriptions are left out.

    cancelling: the subscription is being cancelled immediately, or the item is a duplicate plan, also one that is
    undone.
    """
    return await conn.fetch(
        """
        SELECT subscription.*, item.stripe_subscription_item_id, item.current_period_start_at,
               item.current_period_end_at, product.id AS product_id, product.features, product.grace_days,
               product.license_policy,
               EXISTS (
                   SELECT 1 FROM ending_subscriptions AS ending
                   WHERE ending.stripe_subscription_id = subscription.stripe_subscription_id
                       AND (ending.stripe_product_ids IS NULL
                            OR item.stripe_product_id = ANY (ending.stripe_product_ids))) AS cancelling
        FROM subscriptions AS subscription
        JOIN subscription_items AS item USING (stripe_subscription_id)
        JOIN products AS product USING (stripe_product_id)
        WHERE subscription.account_id = $1 AND subscription.status <> ALL ($2) AND product.kind = 'plan'
        ORDER BY product.position, product.id, subscription.created_at, stripe_subscription_id, item.position
        """,
        account_id,
        list(ENDED),
    )


async def list_active_licenses(conn: Connection, account_id: UUID) -> list[asyncpg.Record]:
    """The account's licenses stored as active, with their products' features, in the catalogue's order."""
    return await conn.fetch(
        """
        SELECT license.id, license.status, license.reason, license.valid_until, license.then_status,
               product.id AS product_id, product.features
        FROM licenses AS license JOIN products AS product ON product.id = license.product_id
        WHERE license.account_id = $1 AND license.status = 'active' AND product.kind = 'license'
        ORDER BY product.position, license.created_at, license.id
        """,
        account_id,
    )
