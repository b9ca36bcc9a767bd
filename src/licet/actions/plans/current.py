"""The plan that is to be changed, and what choosing another one comes to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar
from uuid import UUID

from licet.actions.plans.proration import is_prorated_now
from licet.actions.subscriptions.lock import SECONDS, SubscriptionChanging, change_with_lock, retry_if_changed
from licet.errors import NotFound, Unprocessable
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.plans.core import change_to
from licet.plans.selection import Chosen
from licet.plans.store import CurrentPlan, find_current_plan
from licet.stripe_api.calls import time_limit
from licet.stripe_events.sync import read

Done = TypeVar("Done")

Outcome = Literal["updated", "scheduled", "unchanged"]


@dataclass(frozen=True)
class Changed:
    """What came, or would come, of it. amount: what is charged now, in minor units of `currency`."""

    outcome: Outcome
    stripe_subscription_id: str
    effective_at: datetime
    amount: int
    currency: str


async def get_current_plan(ctx: Context, account_id: UUID) -> CurrentPlan:
    """What the account is subscribed to. Raises NotFound no_subscription."""
    plan = await find_current_plan(ctx.pool, account_id)
    if plan is None:
        raise NotFound(
            "There is no subscription to a plan that has not ended: POST /payment/subscription-checkout starts one.",
            code="no_subscription",
        )
    return plan


async def while_plan_changes(
    ctx: Context, account_id: UUID, chosen: Chosen, cause: Cause, act: Callable[[CurrentPlan], Awaitable[Done]]
) -> Done:
    """What `act` makes of the account's plan as Stripe has it, with the subscription to itself.

    chosen: what it is to be changed to. Raises NotFound no_subscription, Unprocessable mixed_currencies, Conflict
    subscription_changing, and what `act` and Stripe's door raise.
    """
    subscription_id = (await get_current_plan(ctx, account_id)).stripe_subscription_id
    look = _look(ctx, account_id, subscription_id, chosen)
    return await change_with_lock(ctx, subscription_id, cause, look, act)


async def as_plan_stands(
    ctx: Context, account_id: UUID, chosen: Chosen, cause: Cause, act: Callable[[CurrentPlan], Awaitable[Done]]
) -> Done:
    """The same for who changes nothing."""
    subscription_id = (await get_current_plan(ctx, account_id)).stripe_subscription_id
    look = _look(ctx, account_id, subscription_id, chosen)
    with time_limit(SECONDS):
        return await retry_if_changed(ctx, subscription_id, cause, look, act)


def _look(
    ctx: Context, account_id: UUID, stripe_subscription_id: str, chosen: Chosen
) -> Callable[[], Awaitable[CurrentPlan]]:
    """How the account's plan is looked at: the first time up to date, for who is refused has read it since."""
    looked = False

    async def look() -> CurrentPlan:
        nonlocal looked
        plan = await get_current_plan(ctx, account_id)
        if not looked:
            looked = True
            plan = await _brought_up_to_date(ctx, account_id, plan, chosen)
        if plan.stripe_subscription_id != stripe_subscription_id:
            # It has ended meanwhile, and there is another one.
            raise SubscriptionChanging
        return plan

    return look


async def _brought_up_to_date(ctx: Context, account_id: UUID, plan: CurrentPlan, chosen: Chosen) -> CurrentPlan:
    """The account's plan, read anew where an event that is late would cost money.

    That is where its period or trial is over, and Stripe has turned it; and where the change is prorated, which gives
    credit for the period that runs: a renewal may have failed a moment ago.
    """
    costs = outcome_of(ctx, plan, chosen) == "updated" and is_prorated_now(plan, chosen)
    if plan.period_end_at > ctx.now() and not costs:
        return plan
    cause = Cause("stripe_read", plan.stripe_subscription_id, "its plan is about to change")
    await read(ctx, ctx.stripe, "subscription", plan.stripe_subscription_id, cause)
    return await get_current_plan(ctx, account_id)


def outcome_of(ctx: Context, plan: CurrentPlan, chosen: Chosen) -> Outcome:
    """What choosing it comes to. Raises Unprocessable mixed_currencies."""
    if chosen.price.currency != plan.currency:
        raise Unprocessable(
            f"The subscription is paid in {plan.currency}, and {chosen.price.place.stripe_price_id} is in "
            f"{chosen.price.currency}: Stripe changes no currency. End it first, or choose another price.",
            code="mixed_currencies",
            details={"priceId": chosen.price.place.stripe_price_id},
        )
    up_or_down = change_to(chosen.price.place, plan.place)
    if up_or_down == "same":
        return "unchanged"
    at_once = up_or_down == "upgrade" or plan.status == "trialing" or ctx.settings.downgrade == "immediate"
    return "updated" if at_once else "scheduled"
