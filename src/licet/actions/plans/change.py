"""Changes a plan: an upgrade immediately and paid immediately, a downgrade when the period ends.

1. Upgrade: one call, in which Stripe changes the item, makes the invoice and charges it. A declined card changes
   nothing.
2. Downgrade: a schedule changes the plan when the paid period ends (LICET_DOWNGRADE=immediate: like an upgrade).
3. In a trial nothing has been paid, so every change takes effect immediately and costs nothing. The trial continues.
4. Only what was paid is credited. Before an upgrade, overdue invoices are paid (`overdue.py`). An immediate downgrade
   gives no credit for a period that is overdue. After a full refund of the period, the change starts a new period
   (`proration.py`).
5. Every change resumes a subscription that is scheduled to cancel, and drops another pending change. So does choosing
   the current plan again.

What Stripe answers is applied before the caller gets its response. Source: contract, section 3; Stripe's documentation,
"Change subscriptions" and "Subscription schedules".
"""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from licet.actions.plans.current import PlanChange, get_current_plan, get_plan_to_change, outcome_of
from licet.actions.plans.downgrade import schedule_downgrade
from licet.actions.plans.overdue import (
    Charged,
    amount_remaining,
    get_plan_once_paid,
    list_invoices_to_pay,
    pay_invoices,
)
from licet.actions.plans.preview import check_quote, quote_expired
from licet.actions.plans.proration import billing_mode, changed_items, proration_params
from licet.actions.plans.quote_store import Quote
from licet.actions.subscriptions.lock import retry_if_changed, subscription_lock
from licet.actions.subscriptions.restore_cancellation_store import discard_restore
from licet.actions.subscriptions.schedule_release import releasing_schedule
from licet.actions.subscriptions.schedules import release_schedule, resume_params
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.plans.selection import Chosen
from licet.plans.store import CurrentPlan
from licet.stripe_events import sync


@dataclass(frozen=True)
class _Request:
    """The caller's request. `charged` adds up over all attempts."""

    account_id: UUID
    chosen: Chosen
    cause: Cause
    quote_id: UUID | None
    charged: Charged


async def change_plan(
    ctx: Context, account_id: UUID, chosen: Chosen, cause: Cause, quote_id: UUID | None = None
) -> PlanChange:
    """Change the account's plan.

    quote_id: from a preview. With it, exactly the quoted amount is charged, or nothing changes. Raises NotFound
    no_subscription, Unprocessable mixed_currencies, Conflict (quote_expired, payment_overdue, price_archived,
    collection_paused, subscription_paused, subscription_changing), CardDeclined (the plan stays), StripeRefused,
    StripeUnavailable.
    """
    request = _Request(account_id, chosen, cause, quote_id, Charged())
    subscription_id = (await get_current_plan(ctx, account_id)).stripe_subscription_id
    async with subscription_lock(ctx, subscription_id, cause):
        async for attempt in retry_if_changed(ctx, subscription_id, cause):
            plan = await get_plan_to_change(ctx, account_id, subscription_id, chosen, attempt)
            async with attempt.at(plan):
                changed = await _change(ctx, plan, request)
    return changed


async def _change(ctx: Context, plan: CurrentPlan, request: _Request) -> PlanChange:
    outcome = outcome_of(ctx, plan, request.chosen)
    unpaid = await list_invoices_to_pay(ctx, plan, request.chosen) if outcome == "updated" else ()
    due = request.charged.amount + amount_remaining(unpaid)
    quote = None
    if request.quote_id is not None:
        quote = await check_quote(ctx, plan, request.chosen, request.quote_id, unpaid=bool(unpaid), other_charges=due)
    if unpaid:
        await pay_invoices(ctx, unpaid, request.cause, request.charged)
        plan = await get_plan_once_paid(ctx, request.account_id, plan, request.cause)
        if quote is not None and request.charged.amount != due:
            # Another call has paid a part of the quoted amount.
            raise quote_expired()
    plan = await _release_cancelling_schedule(ctx, plan, request.cause)
    if outcome == "unchanged":
        await _keep_plan(ctx, plan, request.cause)
        return PlanChange("unchanged", plan.stripe_subscription_id, ctx.now(), 0, plan.currency)
    if outcome == "scheduled":
        effective_at = await schedule_downgrade(ctx, plan, request.chosen.price.place, request.cause)
        return PlanChange("scheduled", plan.stripe_subscription_id, effective_at, 0, plan.currency)
    amount = request.charged.amount + await _change_now(ctx, plan, request.chosen, request.cause, quote)
    return PlanChange("updated", plan.stripe_subscription_id, ctx.now(), amount, plan.currency)


async def _release_cancelling_schedule(ctx: Context, plan: CurrentPlan, cause: Cause) -> CurrentPlan:
    """Release a schedule that will cancel the subscription.

    Stripe does not clear a cancellation that is in a schedule. The cancellation becomes the subscription's own. It is
    cleared together with the change, so that it stays scheduled if the change is refused.
    """
    if not plan.is_scheduled_to_cancel or plan.stripe_schedule_id is None:
        return plan
    await release_schedule(ctx, plan.stripe_schedule_id, cause, keep_end=True)
    return replace(plan, stripe_schedule_id=None, planned_price_id=None)


async def _keep_plan(ctx: Context, plan: CurrentPlan, cause: Cause) -> None:
    """Drop a pending change and clear a scheduled cancellation. Makes no call if there is neither."""
    await release_schedule(ctx, plan.stripe_schedule_id, cause)
    if plan.is_scheduled_to_cancel:
        await sync.update(ctx, "subscription", plan.stripe_subscription_id, resume_params(plan), cause)
    await discard_restore(ctx.pool, plan.stripe_subscription_id)


async def _change_now(ctx: Context, plan: CurrentPlan, chosen: Chosen, cause: Cause, quote: Quote | None) -> int:
    """Change the item and charge it. Returns the amount that was charged, in minor units."""
    mode = await billing_mode(ctx, plan, chosen, unpaid=False)
    params: dict[str, Any] = {
        "items": changed_items(plan, chosen, mode),
        **proration_params(plan, chosen, mode, quote.proration_at if quote else None),
        "payment_behavior": "error_if_incomplete",
        "expand": ["latest_invoice"],
        **resume_params(plan),
    }
    subscription_id = plan.stripe_subscription_id
    to_price_id = chosen.price.place.stripe_price_id
    async with releasing_schedule(ctx, subscription_id, plan.stripe_schedule_id, to_price_id, cause):
        subscription = await sync.update(ctx, "subscription", subscription_id, params, cause)
    await discard_restore(ctx.pool, subscription_id)
    invoice = subscription.get("latest_invoice")
    if not isinstance(invoice, dict) or invoice["id"] == plan.stripe_latest_invoice_id:
        return 0
    await sync.apply_answer(ctx, "invoice", invoice, await sync.baseline(ctx, invoice["id"]), cause)
    amount: int = invoice["amount_paid"]
    return amount
