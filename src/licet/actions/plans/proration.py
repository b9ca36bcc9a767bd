"""How an immediate change of plan is billed."""

from datetime import datetime
from typing import Any, Literal

from licet.actions.subscriptions.schedules import resume_params
from licet.db.pool import Pool
from licet.http.context import Context
from licet.kit.statuses import ENTITLED
from licet.licenses.facts_store import periods_of
from licet.plans.core import change_to
from licet.plans.selection import Chosen
from licet.plans.store import CurrentPlan, list_other_items

BillingMode = Literal["prorated", "new_period", "unbilled"]
"""prorated: the rest of the period at the new price, less the rest at the old price. new_period: a period that starts
now, at the full new price. unbilled: nothing until the next renewal."""


def changed_items(plan: CurrentPlan, chosen: Chosen, mode: BillingMode) -> list[dict[str, Any]]:
    """The parameters that give the plan's item its new price.

    Without the quantity, Stripe would set it to 1. A new period gets a new item: Stripe credits whatever an item was
    billed for and not credited for yet, so a later change of the old item would credit what has been refunded.
    """
    changed = {"price": chosen.price.place.stripe_price_id, "quantity": plan.quantity}
    if mode == "new_period":
        return [{"id": plan.stripe_item_id, "deleted": True}, changed]
    return [{"id": plan.stripe_item_id, **changed}]


def is_prorated_now(plan: CurrentPlan, chosen: Chosen) -> bool:
    """True if an immediate change is billed: not in a trial, nor a downgrade of an overdue period."""
    is_overdue = plan.status not in ENTITLED and change_to(chosen.price.place, plan.place) == "downgrade"
    return plan.status != "trialing" and not is_overdue


async def billing_mode(ctx: Context, plan: CurrentPlan, chosen: Chosen, *, unpaid: bool) -> BillingMode:
    """How an immediate change is billed.

    unpaid: the current period is about to be paid for, before the change.
    """
    if not is_prorated_now(plan, chosen):
        return "unbilled"
    return "new_period" if not unpaid and await was_refunded(ctx.pool, plan, ctx.now()) else "prorated"


def proration_params(plan: CurrentPlan, chosen: Chosen, mode: BillingMode, at: datetime | None) -> dict[str, Any]:
    """The parameters of the proration.

    at: the start of the rest of the period; None: Stripe's current time. A price with another billing interval starts a
    new period. Stripe must be told so: in its flexible billing mode it would otherwise keep the old cycle, and charge a
    year only for the time until the next anniversary.
    """
    if mode == "new_period":
        return {"proration_behavior": "none", **_PERIOD_STARTS_NOW}
    if mode == "unbilled":
        return {"proration_behavior": "none"}
    anchor = {} if chosen.price.place.billing == plan.place.billing else _PERIOD_STARTS_NOW
    date = {} if at is None else {"proration_date": int(at.timestamp())}
    return {"proration_behavior": "always_invoice", **anchor, **date}


_PERIOD_STARTS_NOW: dict[str, Any] = {"billing_cycle_anchor": {"type": "now"}}


async def preview_amount(ctx: Context, plan: CurrentPlan, chosen: Chosen, mode: BillingMode, at: datetime) -> int:
    """The amount that Stripe would charge for the change itself now, in minor units."""
    if mode == "unbilled":
        return 0
    previewed = await ctx.stripe.create(
        "invoice_preview",
        {
            "subscription": plan.stripe_subscription_id,
            "subscription_details": {
                "items": changed_items(plan, chosen, mode),
                **proration_params(plan, chosen, mode, at),
                **resume_params(plan),
            },
        },
    )
    amount: int = previewed["amount_due"]
    return amount


async def was_refunded(pool: Pool, plan: CurrentPlan, now: datetime) -> bool:
    """True if the current period was paid for and refunded in full.

    False if another item of the subscription is still paid for: a new period would cut that item's time short.
    """
    async with pool.acquire() as conn:
        periods = await periods_of(conn, plan.stripe_subscription_id)
        others = await list_other_items(conn, plan)
    ends = plan.period_end_at
    paid_until = periods.paid_until(plan.stripe_item_id, ends, refunds_count=False)
    kept_until = periods.paid_until(plan.stripe_item_id, ends, refunds_count=True)
    if paid_until is None or paid_until < ends or (kept_until is not None and kept_until >= ends):
        return False
    others_until = [periods.paid_until(item["id"], item["ends"], refunds_count=True) for item in others]
    return all(until is None or until <= now for until in others_until)
