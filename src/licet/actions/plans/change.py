"""A change of plans: up at once and paid at once, down when the period ends, or back to what it was.

1. Up: Stripe changes the item, makes the invoice and takes the money in one call; a declined card changes nothing.
2. Down: a schedule takes over when the period that is paid for ends (LICET_DOWNGRADE=immediate: as up).
3. In a trial nothing has been paid, so every change takes effect at once and costs nothing; the trial goes on.
4. What was not paid for is not given back. Up, what is overdue is paid first (`overdue.py`); down at once gives no
   credit for a period that is overdue; and where the period was refunded, another one begins (`refunded.py`).
5. Any of them takes a scheduled end back, and drops another change that waits.

What Stripe answers is applied before the caller is answered. Source: contract, section 3; Stripe's documentation,
"Change subscriptions" and "Subscription schedules".
"""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from licet.actions.plans.current import Changed, outcome_of, while_plan_changes
from licet.actions.plans.downgrade import schedule_downgrade
from licet.actions.plans.overdue import Charged, amount_of, get_paid_up, list_owed, pay_owed
from licet.actions.plans.preview import check_quote, quote_expired
from licet.actions.plans.proration import billing_of, changed_items, proration_params
from licet.actions.plans.quote_store import Quote
from licet.actions.subscriptions.restore_cancellation import discard_restore
from licet.actions.subscriptions.schedule_release import releasing_schedule
from licet.actions.subscriptions.schedules import release_schedule, taken_back
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject
from licet.plans.selection import Chosen
from licet.plans.store import CurrentPlan
from licet.stripe_events.sync import change


@dataclass(frozen=True)
class _Asked:
    """What one caller asks for; `charged` outlasts another look at the subscription."""

    account_id: UUID
    chosen: Chosen
    cause: Cause
    quote_id: UUID | None
    charged: Charged


async def change_plan(
    ctx: Context, account_id: UUID, chosen: Chosen, cause: Cause, quote_id: UUID | None = None
) -> Changed:
    """Make the change. quote_id: of a preview; then exactly what that said is charged.

    Raises NotFound no_subscription, Unprocessable mixed_currencies, Conflict quote_expired, payment_overdue or
    subscription_changing, CardDeclined with the plan as it was, and what Stripe's door raises.
    """
    asked = _Asked(account_id, chosen, cause, quote_id, Charged())

    async def act(plan: CurrentPlan) -> Changed:
        return await _change(ctx, plan, asked)

    return await while_plan_changes(ctx, account_id, chosen, cause, act)


async def _change(ctx: Context, plan: CurrentPlan, asked: _Asked) -> Changed:
    kind = outcome_of(ctx, plan, asked.chosen)
    owed = await list_owed(ctx, plan, asked.chosen) if kind == "updated" else ()
    due = asked.charged.amount + amount_of(owed)
    quote = None
    if asked.quote_id is not None:
        quote = await check_quote(ctx, plan, asked.chosen, asked.quote_id, owed=bool(owed), beside=due)
    if owed:
        await pay_owed(ctx, owed, asked.cause, asked.charged)
        plan = await get_paid_up(ctx, asked.account_id, plan, asked.cause)
        if quote is not None and asked.charged.amount != due:
            # Somebody else has paid a part of what was shown.
            raise quote_expired()
    plan = await _without_a_schedule_that_ends_it(ctx, plan, asked.cause)
    if kind == "unchanged":
        await _stay(ctx, plan, asked.cause)
        return Changed("unchanged", plan.stripe_subscription_id, ctx.now(), 0, plan.currency)
    if kind == "scheduled":
        effective_at = await schedule_downgrade(ctx, plan, asked.chosen.price.place, asked.cause)
        return Changed("scheduled", plan.stripe_subscription_id, effective_at, 0, plan.currency)
    amount = asked.charged.amount + await _change_now(ctx, plan, asked.chosen, asked.cause, quote)
    return Changed("updated", plan.stripe_subscription_id, ctx.now(), amount, plan.currency)


async def _without_a_schedule_that_ends_it(ctx: Context, plan: CurrentPlan, cause: Cause) -> CurrentPlan:
    """The plan, its scheduled end being its own: a schedule that ends it does not let that be taken back.

    The end stays all the same: it is taken back with the change, and not where the change is refused.
    """
    if not plan.ends_by_itself or plan.stripe_schedule_id is None:
        return plan
    await release_schedule(ctx, plan.stripe_schedule_id, cause, keep_end=True)
    return replace(plan, stripe_schedule_id=None, planned_price_id=None)


async def _stay(ctx: Context, plan: CurrentPlan, cause: Cause) -> None:
    """Back to what it was: nothing waits any more, no end is scheduled. Nothing is asked where that is so."""
    await release_schedule(ctx, plan.stripe_schedule_id, cause)
    if plan.ends_by_itself:
        await _update(ctx, plan.stripe_subscription_id, taken_back(plan), cause)
    await discard_restore(ctx.pool, plan.stripe_subscription_id)


async def _change_now(ctx: Context, plan: CurrentPlan, chosen: Chosen, cause: Cause, quote: Quote | None) -> int:
    """Change the item and take the money; what was taken, in minor units."""
    billing = await billing_of(ctx, plan, chosen, owed=False)
    params: dict[str, Any] = {
        "items": changed_items(plan, chosen, billing),
        **proration_params(plan, chosen, billing, quote.proration_at if quote else None),
        "payment_behavior": "error_if_incomplete",
        "expand": ["latest_invoice"],
        **taken_back(plan),
    }
    subscription_id = plan.stripe_subscription_id
    async with releasing_schedule(
        ctx, subscription_id, plan.stripe_schedule_id, chosen.price.place.stripe_price_id, cause
    ):
        invoice = await _update(ctx, subscription_id, params, cause)
    await discard_restore(ctx.pool, subscription_id)
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
