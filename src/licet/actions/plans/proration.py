"""What a change of plan at once costs."""

from datetime import datetime
from typing import Any, Literal

from licet.actions.subscriptions.schedules import taken_back
from licet.db.pool import Pool
from licet.http.context import Context
from licet.kit.statuses import ENTITLED
from licet.licenses.facts_store import periods_of
from licet.plans.core import change_to
from licet.plans.selection import Chosen
from licet.plans.store import CurrentPlan

Billing = Literal["prorated", "anew", "not at all"]
"""How a change is billed: the rest of the period at the new price less the rest at the old one; as a period of its own
from now on, at the whole new price; or with the next renewal alone."""


def changed_items(plan: CurrentPlan, chosen: Chosen, billing: Billing) -> list[dict[str, Any]]:
    """The plan's item with its new price; without its quantity Stripe would set it to 1.

    Anew, it is another item: Stripe credits what an item was billed for and was not credited yet, and would credit with
    the next change what was refunded before this one.
    """
    wanted = {"price": chosen.price.place.stripe_price_id, "quantity": plan.quantity}
    if billing == "anew":
        return [{"id": plan.stripe_item_id, "deleted": True}, wanted]
    return [{"id": plan.stripe_item_id, **wanted}]


def is_prorated_now(plan: CurrentPlan, chosen: Chosen) -> bool:
    """Whether a change at once is billed at all: not in a trial, and down not where the period is overdue."""
    owed = plan.status not in ENTITLED and change_to(chosen.price.place, plan.place) == "downgrade"
    return plan.status != "trialing" and not owed


async def billing_of(ctx: Context, plan: CurrentPlan, chosen: Chosen, *, owed: bool) -> Billing:
    """How a change at once is billed. owed: whether the period that runs is about to be paid for, first of all."""
    if not is_prorated_now(plan, chosen):
        return "not at all"
    return "anew" if not owed and await was_refunded(ctx.pool, plan, ctx.now()) else "prorated"


def proration_params(plan: CurrentPlan, chosen: Chosen, billing: Billing, at: datetime | None) -> dict[str, Any]:
    """The parameters. at: to when the rest of the period is reckoned; None: to the moment when Stripe is asked.

    Another interval begins a period of its own, which is to be said: in Stripe's flexible mode the old cycle would stay
    and a year cost no more than what is left until its anniversary.
    """
    if billing == "anew":
        return {"proration_behavior": "none", **_FROM_NOW_ON}
    if billing == "not at all":
        return {"proration_behavior": "none"}
    anchored = {} if chosen.price.place.rhythm == plan.place.rhythm else _FROM_NOW_ON
    reckoned = {} if at is None else {"proration_date": int(at.timestamp())}
    return {"proration_behavior": "always_invoice", **anchored, **reckoned}


_FROM_NOW_ON: dict[str, Any] = {"billing_cycle_anchor": {"type": "now"}}


async def preview_amount(ctx: Context, plan: CurrentPlan, chosen: Chosen, billing: Billing, at: datetime) -> int:
    """What Stripe would take for the change itself at this moment, in minor units."""
    if billing == "not at all":
        return 0
    previewed = await ctx.stripe.create(
        "invoice_preview",
        {
            "subscription": plan.stripe_subscription_id,
            "subscription_details": {
                "items": changed_items(plan, chosen, billing),
                **proration_params(plan, chosen, billing, at),
                **taken_back(plan),
            },
        },
    )
    amount: int = previewed["amount_due"]
    return amount


async def was_refunded(pool: Pool, plan: CurrentPlan, now: datetime) -> bool:
    """Whether the period that runs was paid for, and all of that went back.

    False where something beside the plan is paid for still: a period of its own would take its time away.
    """
    async with pool.acquire() as conn:
        periods = await periods_of(conn, plan.stripe_subscription_id)
        others = await conn.fetch(
            """
            SELECT stripe_subscription_item_id AS id, current_period_end_at AS ends FROM subscription_items
            WHERE stripe_subscription_id = $1 AND stripe_subscription_item_id <> $2
            """,
            plan.stripe_subscription_id,
            plan.stripe_item_id,
        )
    ends = plan.period_end_at
    once = periods.paid_until(plan.stripe_item_id, ends, refunds_count=False)
    still = periods.paid_until(plan.stripe_item_id, ends, refunds_count=True)
    if once is None or once < ends or (still is not None and still >= ends):
        return False
    left = [periods.paid_until(item["id"], item["ends"], refunds_count=True) for item in others]
    return all(until is None or until <= now for until in left)
