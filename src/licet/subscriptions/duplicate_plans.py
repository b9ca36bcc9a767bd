"""Finds duplicate plans: purchases of a plan that the account already has.

The checkout refuses to sell a plan twice, but two open sessions can both be paid. So a subscription is compared with
the account's other plans when it first becomes entitled:

1. The later of two purchases is the duplicate, in whatever order Licet receives them, if both contain the same plan or
   if the later one's checkout session allows its buyer one plan at a time. The plans of its cart that are duplicates
   are undone, and nothing else.
2. Otherwise the buyer was allowed to buy another plan, and both stay.
3. A subscription is compared only once, also if it has no plan then. So no later change of its items, of a product's
   kind or of its account undoes anything.
4. Both are purchases in checkout sessions that Licet created. What is made at Stripe undoes nothing and stays.

Source: contract, sections 2 and 3; docs/decisions/duplicate-plans.md.
"""

from collections.abc import Sequence

from licet.db.connection import Connection
from licet.db.locks import lock
from licet.kit.statuses import ENTITLED
from licet.subscriptions.duplicate_plan_store import (
    DuplicatePlan,
    LivePlan,
    find_to_compare,
    list_live_plans,
    write_compared,
)


def duplicate_products(plan: LivePlan, other: LivePlan) -> frozenset[str]:
    """The products of the purchase `plan` that duplicate an older purchase, `other`. Empty: none."""
    if not (plan.made_here and other.made_here and other.age < plan.age):
        return frozenset()
    return plan.bought_plans if plan.one_plan else plan.bought_plans & other.plans


def to_undo(mine: LivePlan, others: Sequence[LivePlan]) -> list[DuplicatePlan]:
    """`mine` if it duplicates another plan, of which the oldest is kept; else the duplicates of `mine`."""
    for other in sorted(others, key=lambda plan: plan.age):
        products = duplicate_products(mine, other)
        if products:
            return [DuplicatePlan(mine.id, other.id, products)]
    return [
        DuplicatePlan(other.id, mine.id, products) for other in others if (products := duplicate_products(other, mine))
    ]


async def find_duplicate_plans(conn: Connection, stripe_subscription_id: str) -> list[DuplicatePlan]:
    """The duplicates to undo now that this subscription is entitled; usually none.

    It is not compared again. The purchases of one account are compared one after the other, even if they were made by
    two Stripe customers. A subscription that Licet first sees after it was overdue, unpaid, paused or ended has no plan
    to undo: that purchase completed long before.
    """
    subscription = await find_to_compare(conn, stripe_subscription_id)
    if subscription is None:
        return []
    await lock(conn, [str(subscription["account_id"])])
    plans = await list_live_plans(conn, stripe_subscription_id) if subscription["status"] in ENTITLED else []
    mine = next((plan for plan in plans if plan.id == stripe_subscription_id), None)
    await write_compared(conn, stripe_subscription_id, mine.bought_plans if mine else frozenset())
    return to_undo(mine, [plan for plan in plans if plan is not mine]) if mine else []
