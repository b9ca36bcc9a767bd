"""Previews a change of plan, and checks that the change costs the quoted amount."""

from datetime import timedelta
from uuid import UUID

from licet.actions.plans.current import PlanChange, get_current_plan, get_plan_to_change, outcome_of
from licet.actions.plans.overdue import amount_remaining, list_invoices_to_pay
from licet.actions.plans.proration import billing_mode, preview_amount
from licet.actions.plans.quote_store import Quote, find_quote, write_quote
from licet.actions.subscriptions.lock import CHANGE_TIMEOUT_SECONDS, retry_if_changed
from licet.errors import Conflict
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.plans.selection import Chosen
from licet.plans.store import CurrentPlan
from licet.stripe_api.calls import time_limit

QUOTE_VALIDITY = timedelta(minutes=15)
"""How long a quote is valid, in business time: long enough to read it and press a button."""


async def preview(ctx: Context, account_id: UUID, chosen: Chosen, cause: Cause) -> tuple[PlanChange, Quote]:
    """Preview the change: what it would do, and the quote for its amount.

    Takes no lease, because nothing changes. Raises NotFound no_subscription, Unprocessable mixed_currencies, Conflict
    (payment_overdue, collection_paused, subscription_paused, subscription_changing), StripeRefused, StripeUnavailable.
    """
    subscription_id = (await get_current_plan(ctx, account_id)).stripe_subscription_id
    with time_limit(CHANGE_TIMEOUT_SECONDS):
        async for attempt in retry_if_changed(ctx, subscription_id, cause):
            plan = await get_plan_to_change(ctx, account_id, subscription_id, chosen, attempt)
            async with attempt.at(plan):
                previewed = await _preview(ctx, plan, chosen)
    return previewed


async def _preview(ctx: Context, plan: CurrentPlan, chosen: Chosen) -> tuple[PlanChange, Quote]:
    outcome = outcome_of(ctx, plan, chosen)
    now = ctx.now().replace(microsecond=0)
    amount = 0
    if outcome == "updated":
        unpaid = await list_invoices_to_pay(ctx, plan, chosen)
        mode = await billing_mode(ctx, plan, chosen, unpaid=bool(unpaid))
        amount = amount_remaining(unpaid) + await preview_amount(ctx, plan, chosen, mode, now)
    quote = await write_quote(
        ctx.pool,
        plan,
        chosen.price.place.stripe_price_id,
        amount,
        plan.currency,
        now=now,
        expires_at=now + QUOTE_VALIDITY,
    )
    effective_at = plan.period_end_at if outcome == "scheduled" else now
    return PlanChange(outcome, plan.stripe_subscription_id, effective_at, amount, plan.currency), quote


async def check_quote(
    ctx: Context, plan: CurrentPlan, chosen: Chosen, quote_id: UUID, *, unpaid: bool, other_charges: int
) -> Quote:
    """The quote, if the amount that would be charged now is the quoted one.

    unpaid: as for `billing_mode`. other_charges: charged in addition to the change itself, in minor units. Raises
    Conflict quote_expired.
    """
    now = ctx.now()
    quote = await find_quote(ctx.pool, quote_id, plan, chosen.price.place.stripe_price_id, now=now)
    if quote is None:
        raise quote_expired()
    if outcome_of(ctx, plan, chosen) == "updated":
        mode = await billing_mode(ctx, plan, chosen, unpaid=unpaid)
        if other_charges + await preview_amount(ctx, plan, chosen, mode, quote.proration_at) != quote.amount:
            raise quote_expired()
    return quote


def quote_expired() -> Conflict:
    """The error for a quote that has expired, or whose amount is not what would be charged now."""
    return Conflict(
        "The quote has expired, or the amount to charge has changed. Request a new preview: "
        "POST /payment/subscription-preview.",
        code="quote_expired",
    )
