# ruff: noqa: S608 - what is put into the statements are the constants below
"""Subscriptions and their items, as mirrored from Stripe."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.db.listing import Where, fetch_page
from licet.errors import NotFound
from licet.kit.pages import Page
from licet.subscriptions.core import NOT_ENDED, Period, current_period, is_scheduled_to_cancel
from licet.subscriptions.schemas import SubscriptionItem


@dataclass(frozen=True)
class SubscriptionRecord:
    """A subscription with its items. Times are aware UTC."""

    id: str
    account_id: UUID
    status: str
    cancel_at_period_end: bool
    cancel_at: datetime | None
    canceled_at: datetime | None
    trial_end_at: datetime | None
    stripe_latest_invoice_id: str | None
    stripe_schedule_id: str | None
    period: Period | None
    items: list[SubscriptionItem]

    @property
    def is_scheduled_to_cancel(self) -> bool:
        """True if the subscription has not ended and a cancellation is scheduled."""
        return is_scheduled_to_cancel(
            self.status, cancel_at_period_end=self.cancel_at_period_end, cancel_at=self.cancel_at
        )

    @property
    def ends_at(self) -> datetime | None:
        """When the scheduled cancellation takes effect; None without one."""
        if not self.is_scheduled_to_cancel:
            return None
        return self.cancel_at or (self.period.end_at if self.period else None)

    def in_short(self) -> dict[str, object]:
        """The fields of `schemas.Subscription`."""
        return {
            "id": self.id,
            "status": self.status,
            "current_period_start": self.period.start_at if self.period else None,
            "current_period_end": self.period.end_at if self.period else None,
            "cancel_at_period_end": self.is_scheduled_to_cancel,
            "items": self.items,
        }


_COLUMNS = """
    stripe_subscription_id, account_id, status, cancel_at_period_end, cancel_at, canceled_at, trial_end_at,
    stripe_latest_invoice_id, stripe_schedule_id"""


async def list_subscriptions(
    conn: Connection, page: Page, *, account_id: UUID | None, status: str | None
) -> tuple[list[SubscriptionRecord], int]:
    """A page of subscriptions, newest first, and the total. account_id None: those of all accounts.

    status: one of Stripe's, "all", or None for subscriptions that have not ended.
    """
    where = Where().add("account_id = {}", account_id)
    if status is None:
        where.add("status = ANY ({})", list(NOT_ENDED))
    elif status != "all":
        where.add("status = {}", status)
    rows, total = await fetch_page(
        conn,
        page,
        where,
        columns=_COLUMNS,
        table="subscriptions",
        order_by="created_at DESC, stripe_subscription_id",
    )
    return await _with_items(conn, rows), total


async def list_not_ended(conn: Connection, account_id: UUID) -> list[SubscriptionRecord]:
    """All subscriptions of an account that have not ended, newest first."""
    rows = await conn.fetch(
        f"""
        SELECT {_COLUMNS} FROM subscriptions WHERE account_id = $1 AND status = ANY ($2)
        ORDER BY created_at DESC, stripe_subscription_id
        """,
        account_id,
        list(NOT_ENDED),
    )
    return await _with_items(conn, rows)


async def get_subscription(
    conn: Connection, stripe_subscription_id: str, *, account_id: UUID | None
) -> SubscriptionRecord:
    """One subscription. account_id None: any account's. Raises NotFound, also for another account's."""
    row = await conn.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM subscriptions
        WHERE stripe_subscription_id = $1 AND ($2::uuid IS NULL OR account_id = $2)
        """,
        stripe_subscription_id,
        account_id,
    )
    if row is None:
        raise NotFound("There is no such subscription.")
    return (await _with_items(conn, [row]))[0]


async def _with_items(conn: Connection, subscriptions: Sequence[asyncpg.Record]) -> list[SubscriptionRecord]:
    """The subscriptions with their items, read in one query."""
    rows = await conn.fetch(
        """
        SELECT item.stripe_subscription_id, item.unit_amount, item.currency, item.interval, item.quantity,
               item.current_period_start_at, item.current_period_end_at, product.id, product.name
        FROM subscription_items AS item LEFT JOIN products AS product USING (stripe_product_id)
        WHERE item.stripe_subscription_id = ANY ($1) ORDER BY item.position
        """,
        [row["stripe_subscription_id"] for row in subscriptions],
    )
    items: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        items[row["stripe_subscription_id"]].append(row)
    return [_subscription(row, items[row["stripe_subscription_id"]]) for row in subscriptions]


def _subscription(row: asyncpg.Record, items: Sequence[asyncpg.Record]) -> SubscriptionRecord:
    columns = dict(row)
    return SubscriptionRecord(
        id=columns.pop("stripe_subscription_id"),
        period=current_period(
            [Period(item["current_period_start_at"], item["current_period_end_at"]) for item in items]
        ),
        items=[
            SubscriptionItem(
                product_id=item["id"],
                product_name=item["name"],
                price=item["unit_amount"],
                currency=item["currency"],
                interval=item["interval"],
                quantity=item["quantity"],
            )
            for item in items
        ],
        **columns,
    )


async def find_subscription(conn: Connection, stripe_subscription_id: str) -> asyncpg.Record | None:
    """The subscription's row, or None if Stripe has not reported the subscription yet.

    cancelling: the subscription is being cancelled immediately.
    undoing: Stripe's ids of its products that are being undone as duplicate plans. Once they are undone, the
    subscription's status, items and refunds decide over their licenses.
    """
    return await conn.fetchrow(
        """
        SELECT subscription.*,
               EXISTS (SELECT 1 FROM ending_subscriptions AS ending
                       WHERE ending.stripe_subscription_id = $1 AND NOT is_done AND stripe_product_ids IS NULL
               ) AS cancelling,
               coalesce((SELECT stripe_product_ids FROM ending_subscriptions AS ending
                         WHERE ending.stripe_subscription_id = $1 AND NOT is_done AND stripe_product_ids IS NOT NULL
                         LIMIT 1), '{}') AS undoing
        FROM subscriptions AS subscription WHERE stripe_subscription_id = $1
        """,
        stripe_subscription_id,
    )


async def find_customer_id(conn: Connection, stripe_subscription_id: str) -> str | None:
    """The Stripe customer of a subscription, or None if the subscription is unknown."""
    found: str | None = await conn.fetchval(
        "SELECT stripe_customer_id FROM subscriptions WHERE stripe_subscription_id = $1", stripe_subscription_id
    )
    return found


async def find_ended(conn: Connection, stripe_subscription_id: str) -> asyncpg.Record | None:
    """`(name, ended_at)`: the account's name, and when the subscription ended (None: it has not)."""
    return await conn.fetchrow(
        """
        SELECT account.name, subscription.ended_at
        FROM subscriptions AS subscription JOIN accounts AS account ON account.id = subscription.account_id
        WHERE stripe_subscription_id = $1
        """,
        stripe_subscription_id,
    )


async def list_items(conn: Connection, stripe_subscription_id: str) -> list[asyncpg.Record]:
    """The subscription's items, each with its product (`product_id` null if the catalogue lacks it)."""
    return await conn.fetch(
        """
        SELECT item.stripe_subscription_item_id, item.quantity, item.stripe_product_id, item.current_period_start_at,
               item.current_period_end_at, product.id AS product_id, product.license_policy,
               coalesce(product.product_group, product.catalog_key) AS unit_group
        FROM subscription_items AS item
        LEFT JOIN products AS product
            ON product.stripe_product_id = item.stripe_product_id AND product.catalog_key IS NOT NULL
        WHERE item.stripe_subscription_id = $1 ORDER BY item.position
        """,
        stripe_subscription_id,
    )


async def write_waits_for(conn: Connection, stripe_subscription_id: str, waits_for: Sequence[str]) -> None:
    """Store which products the catalogue must learn before this subscription can be fulfilled."""
    await conn.execute(
        "UPDATE subscriptions SET waits_for = $2 WHERE stripe_subscription_id = $1",
        stripe_subscription_id,
        list(waits_for),
    )
