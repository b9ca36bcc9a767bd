"""What was refunded is not credited as well.

Stripe prorates by what a period costs, whether or not its money went back: a month that was refunded in full would be
credited again by the next change. So a change at once in such a period begins one of its own, for the whole of the new
price. Source: docs/decisions/only-what-was-paid-is-credited.md; Stripe's documentation, "Set the subscription billing
renewal date" and "Prorations".
"""

from datetime import datetime

from licet.db.pool import Pool
from licet.licenses.facts import periods_of
from licet.plans.store import CurrentPlan


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
    once = periods.paid_through(plan.stripe_item_id, ends, refunds_count=False)
    still = periods.paid_through(plan.stripe_item_id, ends, refunds_count=True)
    if once is None or once < ends or (still is not None and still >= ends):
        return False
    left = [periods.paid_through(item["id"], item["ends"], refunds_count=True) for item in others]
    return all(until is None or until <= now for until in left)
