"""What a change of plan would cost: shown before it is made, and held to."""

from uuid import UUID

from licet.actions.plans.current import Changed, as_plan_stands, outcome_of
from licet.actions.plans.overdue import amount_of, list_owed
from licet.actions.plans.proration import billing_of, preview_amount
from licet.actions.plans.quote_store import Quote, find_quote, write_quote
from licet.errors import Conflict
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.plans.selection import Chosen
from licet.plans.store import CurrentPlan


async def preview(ctx: Context, account_id: UUID, chosen: Chosen, cause: Cause) -> tuple[Changed, Quote]:
    """What the change would come to, and the quote that holds it.

    Raises NotFound no_subscription, Unprocessable mixed_currencies, Conflict payment_overdue or subscription_changing,
    and what Stripe's door raises.
    """

    async def act(plan: CurrentPlan) -> tuple[Changed, Quote]:
        return await _preview(ctx, plan, chosen)

    return await as_plan_stands(ctx, account_id, chosen, cause, act)


async def _preview(ctx: Context, plan: CurrentPlan, chosen: Chosen) -> tuple[Changed, Quote]:
    kind = outcome_of(ctx, plan, chosen)
    now = ctx.now().replace(microsecond=0)
    amount = 0
    if kind == "updated":
        owed = await list_owed(ctx, plan, chosen)
        billing = await billing_of(ctx, plan, chosen, owed=bool(owed))
        amount = amount_of(owed) + await preview_amount(ctx, plan, chosen, billing, now)
    quote = await write_quote(ctx.pool, plan, chosen.price.place.stripe_price_id, amount, plan.currency, now=now)
    effective_at = plan.period_end_at if kind == "scheduled" else now
    return Changed(kind, plan.stripe_subscription_id, effective_at, amount, plan.currency), quote


async def check_quote(
    ctx: Context, plan: CurrentPlan, chosen: Chosen, quote_id: UUID, *, owed: bool, beside: int
) -> Quote:
    """The quote, once it is sure that what it said is what would be charged now.

    owed: as for `billing_of`. beside: what this call charges beside the change itself, in minor units. Raises Conflict
    quote_expired.
    """
    now = ctx.now()
    quote = await find_quote(ctx.pool, quote_id, plan, chosen.price.place.stripe_price_id, now=now)
    if quote is None:
        raise quote_expired()
    if outcome_of(ctx, plan, chosen) == "updated":
        billing = await billing_of(ctx, plan, chosen, owed=owed)
        if beside + await preview_amount(ctx, plan, chosen, billing, quote.proration_at) != quote.amount:
            raise quote_expired()
    return quote


def quote_expired() -> Conflict:
    """Something else than what was shown would be charged."""
    return Conflict(
        "The quote has expired, or what it was reckoned from has changed. Ask anew: "
        "POST /payment/subscription-preview.",
        code="quote_expired",
    )
