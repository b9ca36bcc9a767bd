"""The data of subscription events."""

from typing import Any
from uuid import UUID

from pydantic import Field

from licet.db.connection import Connection
from licet.errors import NotFound
from licet.http.context import Context
from licet.http.shapes import At, ResponseBody
from licet.outgoing_webhooks.payloads.store import (
    find_duplicate_plan,
    list_refunds_of_undone,
    list_undone_plans,
)
from licet.subscriptions.schemas import Subscription
from licet.subscriptions.store import get_subscription


class ChangedSubscription(Subscription):
    """A subscription as it is now, with its account."""

    account_id: UUID
    cancel_at: At | None = Field(
        description="When its scheduled cancellation takes effect. Null without one.", examples=[None]
    )
    canceled_at: At | None = Field(
        description="When it was cancelled, or when its cancellation was scheduled.", examples=[None]
    )
    trial_end: At | None = Field(examples=[None])


class UndonePlan(ResponseBody):
    """A plan that was undone."""

    product_id: UUID
    product_name: str = Field(examples=["Growth"])


class UndoneRefund(ResponseBody):
    """A refund of the payment for the purchase."""

    refund_id: str = Field(examples=["re_1QxYz"])
    amount: int = Field(description="In the currency's minor unit.", examples=[9900])
    currency: str = Field(examples=["usd"])
    status: str = Field(
        description="Stripe's: pending, requires_action, succeeded, failed or canceled.", examples=["succeeded"]
    )


class SubscriptionUndone(ResponseBody):
    """A plan that was bought twice: the later subscription, the kept one, and what was returned."""

    subscription_id: str = Field(examples=["sub_2QxYz"])
    kept_subscription_id: str = Field(examples=["sub_1QxYz"])
    account_id: UUID
    external_id: str | None = Field(description="Your own id of the account.", examples=["acme"])
    plans: list[UndonePlan]
    subscription_continues: bool = Field(
        description="True if the subscription had other items: it continues without the plan. False: it is cancelled."
    )
    amount_refunded: int = Field(
        description="What is refunded for the plan, in the currency's minor unit.", examples=[9900]
    )
    amount_credited: int = Field(
        description="What is returned as the customer's credit, in the currency's minor unit.", examples=[0]
    )
    currency: str | None = Field(
        description="Null for a plan that an earlier version of Licet undid.", examples=["usd"]
    )
    refunds: list[UndoneRefund]


async def changed_subscription(_: Context, conn: Connection, about: dict[str, Any]) -> ChangedSubscription:
    """Read the data of `subscription.updated` and `subscription.deleted`. about: `{"subscriptionId"}`.

    Raises NotFound.
    """
    subscription = await get_subscription(conn, about["subscriptionId"], account_id=None)
    return ChangedSubscription.model_validate(
        {
            **subscription.in_short(),
            "account_id": subscription.account_id,
            "cancel_at": subscription.ends_at,
            "canceled_at": subscription.canceled_at,
            "trial_end": subscription.trial_end_at,
        }
    )


async def undone_subscription(_: Context, conn: Connection, about: dict[str, Any]) -> SubscriptionUndone:
    """Read the data of `subscription.undone`. about: `{"subscriptionId"}`. Raises NotFound."""
    subscription_id = about["subscriptionId"]
    duplicate = await find_duplicate_plan(conn, subscription_id)
    if duplicate is None:
        raise NotFound("There is no such subscription that was undone.")
    return SubscriptionUndone(
        **dict(duplicate),
        subscription_id=subscription_id,
        plans=[UndonePlan(**dict(plan)) for plan in await list_undone_plans(conn, subscription_id)],
        refunds=[UndoneRefund(**dict(refund)) for refund in await list_refunds_of_undone(conn, subscription_id)],
    )
