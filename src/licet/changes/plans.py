"""A change of plans: up at once and paid at once, down when the period ends, or back to what it was.

1. Up: Stripe changes the item, makes the invoice and takes the money in one call; a declined card changes nothing.
2. Down: a schedule takes over when the period that is paid for ends (LICET_DOWNGRADE=immediate: as up).
3. In a trial nothing has been paid, so every change takes effect at once and costs nothing; the trial goes on.
4. Down at once gives no credit for a period that is overdue: what was not paid for is not given back.
5. Any of them takes a scheduled end back, and drops another change that waits.

What Stripe answers is applied before the caller is answered. Source: contract, section 3; Stripe's documentation,
"Change subscriptions" and "Subscription schedules".
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from licet.changes.charging import changed_items, cost, proration
from licet.changes.contended import while_it_changes
from licet.changes.planned import plan_for_period_end
from licet.changes.releases import giving_way
from licet.changes.schedules import release_schedule
from licet.changes.taken_back import taken_back
from licet.errors import Conflict, NotFound, Unprocessable
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject
from licet.plans.choosing import Chosen
from licet.plans.core import change_to
from licet.plans.quotes import Quote, find_quote, write_quote
from licet.plans.store import CurrentPlan, find_current_plan
from licet.stripe_api.calls import at_most
from licet.webhooks.reading import change, read

SECONDS = 22.0
"""How long Stripe may take in all for what one caller waits for."""

Outcome = Literal["updated", "scheduled", "unchanged"]


@dataclass(frozen=True)
class Changed:
    """What came, or would come, of it. amount: what is charged now, in minor units of `currency`."""

    outcome: Outcome
    stripe_subscription_id: str
    effective_at: datetime
    amount: int
    currency: str


async def change_plan(
    ctx: Context, account_id: UUID, chosen: Chosen, cause: Cause, quote_id: UUID | None = None
) -> Changed:
    """Make the change. quote_id: of a preview; then exactly what that said is charged.

    Raises NotFound no_subscription, Unprocessable mixed_currencies, Conflict quote_expired or subscription_changing,
    CardDeclined with nothing changed, and what Stripe's door raises.
    """

    async def look() -> CurrentPlan:
        return await get_current_plan(ctx, account_id)

    async def act(plan: CurrentPlan) -> Changed:
        return await _change(ctx, plan, chosen, cause, quote_id)

    with at_most(SECONDS):
        plan = await _get_up_to_date(ctx, account_id)
        return await while_it_changes(ctx, plan.stripe_subscription_id, cause, look, act)


async def _change(ctx: Context, plan: CurrentPlan, chosen: Chosen, cause: Cause, quote_id: UUID | None) -> Changed:
    quote = await _checked(ctx, plan, chosen, quote_id) if quote_id is not None else None
    kind = _kind(ctx, plan, chosen)
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


async def preview(ctx: Context, account_id: UUID, chosen: Chosen, cause: Cause) -> tuple[Changed, Quote]:
    """What the change would come to, and the quote that holds it.

    Raises NotFound no_subscription, Unprocessable mixed_currencies, Conflict subscription_changing, and what Stripe's
    door raises.
    """

    async def look() -> CurrentPlan:
        return await get_current_plan(ctx, account_id)

    async def act(plan: CurrentPlan) -> tuple[Changed, Quote]:
        return await _preview(ctx, plan, chosen)

    with at_most(SECONDS):
        plan = await _get_up_to_date(ctx, account_id)
        return await while_it_changes(ctx, plan.stripe_subscription_id, cause, look, act)


async def _preview(ctx: Context, plan: CurrentPlan, chosen: Chosen) -> tuple[Changed, Quote]:
    kind = _kind(ctx, plan, chosen)
    now = ctx.now().replace(microsecond=0)
    amount = await cost(ctx, plan, chosen, now) if kind == "updated" else 0
    quote = await write_quote(ctx.pool, plan, chosen.price.place.stripe_price_id, amount, plan.currency, now=now)
    effective_at = plan.period_end_at if kind == "scheduled" else now
    return Changed(kind, plan.stripe_subscription_id, effective_at, amount, plan.currency), quote


async def get_current_plan(ctx: Context, account_id: UUID) -> CurrentPlan:
    """What the account is subscribed to. Raises NotFound no_subscription."""
    plan = await find_current_plan(ctx.pool, account_id)
    if plan is None:
        raise NotFound(
            "There is no subscription to a plan that has not ended: POST /payment/subscription-checkout starts one.",
            code="no_subscription",
        )
    return plan


async def _get_up_to_date(ctx: Context, account_id: UUID) -> CurrentPlan:
    """The same. A period that is over, or a trial, Stripe has turned already, and its event is late: it is asked."""
    plan = await get_current_plan(ctx, account_id)
    if plan.period_end_at > ctx.now():
        return plan
    cause = Cause("stripe_read", plan.stripe_subscription_id, "its period is over")
    await read(ctx, ctx.stripe, "subscription", plan.stripe_subscription_id, cause)
    return await get_current_plan(ctx, account_id)


def _kind(ctx: Context, plan: CurrentPlan, chosen: Chosen) -> Outcome:
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


async def _checked(ctx: Context, plan: CurrentPlan, chosen: Chosen, quote_id: UUID) -> Quote:
    """The quote, once it is sure that what it said is what would be charged now."""
    now = ctx.now()
    quote = await find_quote(ctx.pool, quote_id, plan, chosen.price.place.stripe_price_id, now=now)
    holds = quote is not None and (
        _kind(ctx, plan, chosen) != "updated" or await cost(ctx, plan, chosen, quote.proration_at) == quote.amount
    )
    if quote is None or not holds:
        raise Conflict(
            "The quote has expired, or what it was reckoned from has changed. Ask anew: "
            "POST /payment/subscription-preview.",
            code="quote_expired",
        )
    return quote
