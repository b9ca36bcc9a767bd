# ruff: noqa: S608 - what is put into the statements are the constants below
"""A subscription as its owner sees it, but for its licenses and invoice, which are other layers'."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from pydantic import Field

from licet.db.connection import Connection
from licet.db.listing import Where, fetch_page
from licet.errors import NotFound
from licet.http.shapes import At, ResponseBody
from licet.kit.pages import Page
from licet.subscriptions.core import NOT_ENDED, Period, current_period, ends_by_itself


class SubscriptionItem(ResponseBody):
    """One thing that renews. `productId` and `productName` are null where we never heard of Stripe's product."""

    product_id: UUID | None
    product_name: str | None = Field(examples=["Shopify Connector"])
    price: int | None = Field(
        description="For one of it, in the currency's minor unit; null where Stripe works it out.", examples=[14900]
    )
    currency: str = Field(examples=["usd"])
    interval: str = Field(description="day, week, month or year.", examples=["month"])
    quantity: int = Field(examples=[1])


class Subscription(ResponseBody):
    """A subscription. `id` and `status` are Stripe's."""

    id: str = Field(examples=["sub_1QxYz"])
    status: str = Field(
        description="trialing, active, past_due, unpaid, paused, incomplete, incomplete_expired or canceled.",
        examples=["active"],
    )
    current_period_start: At | None = Field(description="Of the item that ends first, as is its end.")
    current_period_end: At | None
    cancel_at_period_end: bool = Field(description="True for any scheduled end, however it was scheduled.")
    items: list[SubscriptionItem]


@dataclass(frozen=True)
class SubscriptionRecord:
    """A subscription as mirrored, with its items. Times are aware UTC."""

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
    def ends_by_itself(self) -> bool:
        """Whether an end of it is scheduled."""
        return ends_by_itself(self.status, cancel_at_period_end=self.cancel_at_period_end, cancel_at=self.cancel_at)

    @property
    def ends_at(self) -> datetime | None:
        """When the scheduled end comes; None without one."""
        if not self.ends_by_itself:
            return None
        return self.cancel_at or (self.period.end_at if self.period else None)

    def in_short(self) -> dict[str, object]:
        """The fields of `Subscription`."""
        return {
            "id": self.id,
            "status": self.status,
            "current_period_start": self.period.start_at if self.period else None,
            "current_period_end": self.period.end_at if self.period else None,
            "cancel_at_period_end": self.ends_by_itself,
            "items": self.items,
        }


_COLUMNS = """
    stripe_subscription_id, account_id, status, cancel_at_period_end, cancel_at, canceled_at, trial_end_at,
    stripe_latest_invoice_id, stripe_schedule_id"""


async def list_subscriptions(
    conn: Connection, page: Page, *, account_id: UUID | None, status: str | None
) -> tuple[list[SubscriptionRecord], int]:
    """A page of subscriptions, the newest first, and how many there are. account_id None: everybody's.

    status: one of Stripe's, "all", or None for those that have not ended.
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
    """All of an account's subscriptions that have not ended, the newest first."""
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
    """One subscription. Raises NotFound, also for another account's."""
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
    """Each with its items, in one query for all."""
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
    facts = dict(row)
    return SubscriptionRecord(
        id=facts.pop("stripe_subscription_id"),
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
        **facts,
    )
