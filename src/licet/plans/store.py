"""Plans in the catalogue, and the one that an account is subscribed to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.kit.statuses import ENDED, ENTITLED
from licet.plans.core import Place, Rhythm


@dataclass(frozen=True)
class PlanPriceRecord:
    """What a plan can be had for. Amount in minor units of `currency`; trial_days: 0 is no trial."""

    place: Place
    amount: int
    currency: str
    trial_days: int


@dataclass(frozen=True)
class PlanRecord:
    """A plan with its prices, in the catalogue's order."""

    product_id: UUID
    stripe_product_id: str
    name: str
    description: str | None
    features: list[str]
    prices: list[PlanPriceRecord]


@dataclass(frozen=True)
class CurrentPlan:
    """The subscription to a plan that has not ended. Times are aware UTC.

    planned_price_id: what it changes to by itself when the period ends; None where nothing waits.
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

    @property
    def ends_by_itself(self) -> bool:
        """Whether its end is scheduled."""
        return self.cancel_at_period_end or self.cancel_at is not None


async def list_plans(conn: Connection, current: CurrentPlan | None) -> list[PlanRecord]:
    """What an account may choose, in the catalogue's order: what is on sale, and what it has already.

    current: what it is subscribed to. Archived, it is still here with the price that is paid, and with no other.
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
    return Place(row["stripe_price_id"], row["rank"], Rhythm(row["interval"], row["interval_count"]))


async def find_current_plan(conn: Connection | Pool, account_id: UUID) -> CurrentPlan | None:
    """What the account is subscribed to: the first made of what has not ended, one in good standing before others.

    Of what is being undone or ended at once there is nothing to change any more.
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
            AND NOT EXISTS (SELECT 1 FROM cancellations AS going
                            WHERE going.stripe_subscription_id = subscription.stripe_subscription_id)
            AND NOT EXISTS (SELECT 1 FROM second_plans AS second
                            WHERE second.stripe_subscription_id = subscription.stripe_subscription_id)
        ORDER BY (subscription.status = ANY ($3)) DESC, subscription.created_at, stripe_subscription_id, item.position
        LIMIT 1
        """,
        account_id,
        list(ENDED),
        list(ENTITLED),
    )
    return _current(dict(row)) if row else None


def _current(row: dict[str, Any]) -> CurrentPlan:
    place = Place(row["stripe_price_id"], row["rank"], Rhythm(row["interval"], row["interval_count"]))
    fields = CurrentPlan.__dataclass_fields__.keys() - {"place"}
    return CurrentPlan(place=place, **{name: row[name] for name in fields})
