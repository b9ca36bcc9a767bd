"""What a change of plan at once costs."""

from datetime import datetime
from typing import Any, Literal

from licet.changes.taken_back import taken_back
from licet.http.context import Context
from licet.kit.statuses import ENTITLED
from licet.plans.choosing import Chosen
from licet.plans.core import change_to
from licet.plans.store import CurrentPlan


def changed_items(plan: CurrentPlan, chosen: Chosen) -> list[dict[str, Any]]:
    """The plan's item with its new price; without its quantity Stripe would set it to 1."""
    return [{"id": plan.stripe_item_id, "price": chosen.price.place.stripe_price_id, "quantity": plan.quantity}]


def proration(plan: CurrentPlan, chosen: Chosen) -> Literal["none", "always_invoice"]:
    """How Stripe reckons the rest of the period: not at all in a trial, and down no credit for one that is overdue."""
    owed = plan.status not in ENTITLED and change_to(chosen.price.place, plan.place) == "downgrade"
    return "none" if plan.status == "trialing" or owed else "always_invoice"


async def cost(ctx: Context, plan: CurrentPlan, chosen: Chosen, at: datetime) -> int:
    """What Stripe would take for the change itself at this moment, in minor units."""
    behavior = proration(plan, chosen)
    if behavior == "none":
        return 0
    previewed = await ctx.stripe.create(
        "invoice_preview",
        {
            "subscription": plan.stripe_subscription_id,
            "subscription_details": {
                "items": changed_items(plan, chosen),
                "proration_behavior": behavior,
                "proration_date": int(at.timestamp()),
                **taken_back(plan),
            },
        },
    )
    amount: int = previewed["amount_due"]
    return amount
