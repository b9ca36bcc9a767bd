"""Finds the plan to change, and decides the outcome of the change."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from licet.actions.plans.paused import refuse_if_paused
from licet.actions.plans.proration import is_prorated_now
from licet.actions.subscriptions.lock import Attempts, SubscriptionChanging
from licet.errors import NotFound, Unprocessable
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.plans.core import change_to
from licet.plans.selection import Chosen
from licet.plans.store import CurrentPlan, find_current_plan
from licet.stripe_events import sync

PlanChangeOutcome = Literal["updated", "scheduled", "unchanged"]


@dataclass(frozen=True)
class PlanChange:
    """A change of plan that was made, or previewed. amount: charged now, in minor units of `currency`."""

    outcome: PlanChangeOutcome
    stripe_subscription_id: str
    effective_at: datetime
    amount: int
    currency: str


async def get_current_plan(ctx: Context, account_id: UUID) -> CurrentPlan:
    """The account's plan. Raises NotFound no_subscription."""
    plan = await find_current_plan(ctx.pool, account_id)
    if plan is None:
        raise NotFound(
            "The account has no current subscription to a plan. POST /payment/subscription-checkout starts one.",
            code="no_subscription",
        )
    return plan


async def get_plan_to_change(
    ctx: Context, account_id: UUID, stripe_subscription_id: str, chosen: Chosen, attempt: Attempts
) -> CurrentPlan:
    """The account's plan, for one attempt at changing it to `chosen`.

    It is read from Stripe first if a late event could make the change cost the wrong amount.

    Raises NotFound no_subscription, Unprocessable mixed_currencies, Conflict (collection_paused, subscription_paused),
    StripeRefused, StripeUnavailable, and SubscriptionChanging if another subscription is the account's plan by now.
    """
    plan = await get_current_plan(ctx, account_id)
    # After a refusal, the subscription has been read already.
    if attempt.number == 1 and _may_be_out_of_date(ctx, plan, chosen):
        cause = Cause("stripe_read", plan.stripe_subscription_id, "its plan is about to change")
        await sync.read(ctx, ctx.stripe, "subscription", plan.stripe_subscription_id, cause)
        plan = await get_current_plan(ctx, account_id)
    if plan.stripe_subscription_id != stripe_subscription_id:
        raise SubscriptionChanging
    refuse_if_paused(plan)
    return plan


def _may_be_out_of_date(ctx: Context, plan: CurrentPlan, chosen: Chosen) -> bool:
    """True if the change could cost the wrong amount because an event is late.

    This is possible if the period or trial is over, because Stripe has started the next one; and if the change is
    prorated, because it credits the current period, whose payment may have failed a moment ago.
    """
    is_prorated = outcome_of(ctx, plan, chosen) == "updated" and is_prorated_now(plan, chosen)
    return is_prorated or plan.period_end_at <= ctx.now()


def outcome_of(ctx: Context, plan: CurrentPlan, chosen: Chosen) -> PlanChangeOutcome:
    """The outcome of changing `plan` to `chosen`. Raises Unprocessable mixed_currencies."""
    if chosen.price.currency != plan.currency:
        raise Unprocessable(
            f"The subscription is paid in {plan.currency}, and {chosen.price.place.stripe_price_id} is in "
            f"{chosen.price.currency}: Stripe cannot change a subscription's currency. Choose a price in "
            f"{plan.currency}, or cancel the subscription first.",
            code="mixed_currencies",
            details={"priceId": chosen.price.place.stripe_price_id},
        )
    change = change_to(chosen.price.place, plan.place)
    if change == "same":
        return "unchanged"
    immediate = change == "upgrade" or plan.status == "trialing" or ctx.settings.downgrade == "immediate"
    return "updated" if immediate else "scheduled"
