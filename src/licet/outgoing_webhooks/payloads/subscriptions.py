"""What is told of a subscription: as it is now, and that it was undone."""

from typing import Any
from uuid import UUID

import asyncpg
from pydantic import Field

from licet.db.connection import Connection
from licet.errors import NotFound
from licet.http.context import Context
from licet.http.shapes import At, ResponseBody
from licet.subscriptions.schemas import Subscription
from licet.subscriptions.store import get_subscription


class ChangedSubscription(Subscription):
    """A subscription as it is now, and whose it is."""

    account_id: UUID
    cancel_at: At | None = Field(description="When its scheduled end comes; null without one.", examples=[None])
    canceled_at: At | None = Field(description="When it was cancelled, or its end was scheduled.", examples=[None])
    trial_end: At | None = Field(examples=[None])


class UndonePlan(ResponseBody):
    """A plan that it was for."""

    product_id: UUID
    product_name: str = Field(examples=["Growth"])


class UndoneRefund(ResponseBody):
    """A refund of what was paid for it."""

    refund_id: str = Field(examples=["re_1QxYz"])
    amount: int = Field(description="In the currency's minor unit.", examples=[9900])
    currency: str = Field(examples=["usd"])
    status: str = Field(
        description="Stripe's: pending, requires_action, succeeded, failed or canceled.", examples=["succeeded"]
    )


class SubscriptionUndone(ResponseBody):
    """A plan that was bought a second time: which subscription was ended, which one stays, and what goes back."""

    subscription_id: str = Field(examples=["sub_2QxYz"])
    kept_subscription_id: str = Field(examples=["sub_1QxYz"])
    account_id: UUID
    external_id: str | None = Field(description="What you call the account.", examples=["acme"])
    plans: list[UndonePlan]
    refunds: list[UndoneRefund]


async def subscription_as_it_is(_: Context, conn: Connection, about: dict[str, Any]) -> ChangedSubscription:
    """about: `{"subscriptionId"}`. Raises NotFound where there is no such subscription."""
    found = await get_subscription(conn, about["subscriptionId"], account_id=None)
    return ChangedSubscription.model_validate(
        {
            **found.in_short(),
            "account_id": found.account_id,
            "cancel_at": found.ends_at,
            "canceled_at": found.canceled_at,
            "trial_end": found.trial_end_at,
        }
    )


async def undone_subscription(_: Context, conn: Connection, about: dict[str, Any]) -> SubscriptionUndone:
    """about: `{"subscriptionId"}`, the one that was undone. Raises NotFound where none was."""
    subscription_id = about["subscriptionId"]
    row = await conn.fetchrow(
        """
        SELECT second.kept_subscription_id, account.id AS account_id, account.external_id
        FROM second_plans AS second JOIN subscriptions AS subscription USING (stripe_subscription_id)
        JOIN accounts AS account ON account.id = subscription.account_id
        WHERE second.stripe_subscription_id = $1
        """,
        subscription_id,
    )
    if row is None:
        raise NotFound("There is no such subscription that was undone.")
    return SubscriptionUndone(
        **dict(row),
        subscription_id=subscription_id,
        plans=[UndonePlan(**dict(plan)) for plan in await _plans(conn, subscription_id)],
        refunds=[UndoneRefund(**dict(refund)) for refund in await _refunds(conn, subscription_id)],
    )


async def _plans(conn: Connection, stripe_subscription_id: str) -> list[asyncpg.Record]:
    return await conn.fetch(
        """
        SELECT DISTINCT product.id AS product_id, product.name AS product_name
        FROM subscription_items AS item JOIN products AS product USING (stripe_product_id)
        WHERE item.stripe_subscription_id = $1 AND product.kind = 'plan' ORDER BY product.name, product.id
        """,
        stripe_subscription_id,
    )


async def _refunds(conn: Connection, stripe_subscription_id: str) -> list[asyncpg.Record]:
    """Of each payment of each of its invoices."""
    return await conn.fetch(
        """
        WITH payment AS (
            SELECT stripe_payment_intent_id, stripe_charge_id
            FROM invoices JOIN invoice_payments USING (stripe_invoice_id) WHERE stripe_subscription_id = $1
        ), refund AS (
            SELECT refunds.* FROM payment JOIN refunds USING (stripe_payment_intent_id)
            UNION SELECT refunds.* FROM payment JOIN refunds USING (stripe_charge_id)
        )
        SELECT stripe_refund_id AS refund_id, amount, currency, status FROM refund
        ORDER BY created_at, stripe_refund_id
        """,
        stripe_subscription_id,
    )
