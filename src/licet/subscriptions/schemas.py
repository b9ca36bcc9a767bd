"""Subscriptions in the APIs' responses."""

from uuid import UUID

from pydantic import Field

from licet.http.shapes import At, ResponseBody


class SubscriptionItem(ResponseBody):
    """One product that renews.

    `productId` and `productName` are null if the catalogue lacks Stripe's product.
    """

    product_id: UUID | None
    product_name: str | None = Field(examples=["Shopify Connector"])
    price: int | None = Field(
        description="Price of one unit in the currency's minor unit; null if Stripe computes it, for example in tiers.",
        examples=[14900],
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
    current_period_start: At | None = Field(
        description="Start of the current period; with several items, of the item whose period ends first."
    )
    current_period_end: At | None
    cancel_at_period_end: bool = Field(
        description="True if the subscription is scheduled to cancel, at the period's end or at another time."
    )
    items: list[SubscriptionItem]
