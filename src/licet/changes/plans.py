"""A change of plans: up at once and paid at once, down when the period ends, or back to what it was.

1. Up: Stripe changes the item, makes the invoice and takes the money in one call; a declined card changes nothing.
2. Down: a schedule takes over when the period that is paid for ends (LICET_DOWNGRADE=immediate: as up).
3. In a trial nothing has been paid, so every change takes effect at once and costs nothing; the trial goes on.
4. Down at once gives no credit for a period that is overdue: what was not paid for is not given back.
5. Any of them takes a scheduled end back, and drops another change that waits.

What Stripe answers is applied before the caller is answered. Source: contract, section 3; Stripe's documentation,
"Change subscriptions" and "Subscription schedules".
"""

from typing import Any
from uuid import UUID

from licet.changes.charging import changed_items, proration
from licet.changes.current import Changed, outcome_of, with_current_plan
from licet.changes.planned import plan_for_period_end
from licet.changes.quoting import check_quote
from licet.changes.releases import giving_way
from licet.changes.schedules import release_schedule
from licet.changes.taken_back import taken_back
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject
from licet.plans.choosing import Chosen
from licet.plans.quotes import Quote
from licet.plans.store import CurrentPlan
from licet.webhooks.reading import change


async def change_plan(
    ctx: Context, account_id: UUID, chosen: Chosen, cause: Cause, quote_id: UUID | None = None
) -> Changed:
    """Make the change. quote_id: of a preview; then exactly what that said is charged.

    Raises NotFound no_subscription, Unprocessable mixed_currencies, Conflict quote_expired or subscription_changing,
    CardDeclined with nothing changed, and what Stripe's door raises.
    """

    async def act(plan: CurrentPlan) -> Changed:
        return await _change(ctx, plan, chosen, cause, quote_id)

    return await with_current_plan(ctx, account_id, cause, act)


async def _change(ctx: Context, plan: CurrentPlan, chosen: Chosen, cause: Cause, quote_id: UUID | None) -> Changed:
    quote = await check_quote(ctx, plan, chosen, quote_id) if quote_id is not None else None
    kind = outcome_of(ctx, plan, chosen)
    if plan.ends_by_itself:
        # A schedule that ends the subscription does not let its end be taken back.
        await release_schedule(ctx, plan.stripe_schedule_id, cause)
    if kind == "unchanged":
        await _stay(ctx, plan, cause)
        return Changed("unchanged", plan.stripe_subscription_id, ctx.now(), 0, plan.currency)
    if kind == "scheduled":
        effective_at = await plan_for_period_end(ctx, plan, chosen.price.place, cause)
        return Changed("scheduled", plan.stripe_subscription_id, effective_at, 0, plan.currency)
    amount = await _change_now(ctx, plan, chosen, cause, quote)
    return Changed("updated", plan.stripe_subscription_id, ctx.now(), amount, plan.currency)


async def _stay(ctx: Context, plan: CurrentPlan, cause: Cause) -> None:
    """Back to what it was: nothing waits any more, no end is scheduled. Nothing is asked where that is so."""
    await release_schedule(ctx, plan.stripe_schedule_id, cause)
    if plan.ends_by_itself:
        await _update(ctx, plan.stripe_subscription_id, taken_back(plan), cause)


async def _change_now(ctx: Context, plan: CurrentPlan, chosen: Chosen, cause: Cause, quote: Quote | None) -> int:
    """Change the item and take the money; what was taken, in minor units."""
    behavior = proration(plan, chosen)
    params: dict[str, Any] = {
        "items": changed_items(plan, chosen),
        "proration_behavior": behavior,
        "payment_behavior": "error_if_incomplete",
        "expand": ["latest_invoice"],
        **taken_back(plan),
    }
    if quote is not None and behavior != "none":
        params["proration_date"] = int(quote.proration_at.timestamp())
    async with giving_way(ctx, plan, chosen.price.place.stripe_price_id, cause):
        invoice = await _update(ctx, plan.stripe_subscription_id, params, cause)
    if invoice is None or invoice["id"] == plan.stripe_latest_invoice_id:
        return 0
    await _apply_invoice(ctx, invoice, cause)
    paid: int = invoice["amount_paid"]
    return paid


async def _update(
    ctx: Context, stripe_subscription_id: str, params: dict[str, Any], cause: Cause
) -> StripeObject | None:
    """The subscription's latest invoice, where it was asked for."""
    invoice: StripeObject | None = None

    async def ask() -> StripeObject | None:
        nonlocal invoice
        obj = await ctx.stripe.update("subscription", stripe_subscription_id, params)
        if isinstance(obj.get("latest_invoice"), dict):
            # Held as Stripe's events have it.
            invoice = obj["latest_invoice"]
            obj["latest_invoice"] = obj["latest_invoice"]["id"]
        return obj

    await change(ctx, "subscription", stripe_subscription_id, cause, ask)
    return invoice


async def _apply_invoice(ctx: Context, invoice: StripeObject, cause: Cause) -> None:
    async def known() -> StripeObject | None:
        return invoice

    await change(ctx, "invoice", invoice["id"], cause, known)
