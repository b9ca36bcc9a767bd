"""Finds duplicate plans: purchases of a plan that the account already has.

The checkout refuses to sell a plan twice, but two open sessions can both be paid. So a subscription is compared with
the account's other plans when it first becomes entitled:

1. The later of two purchases is the duplicate, in whatever order Licet receives them, if both contain the same plan or
   if the later one's checkout session allows its buyer one plan at a time. It is undone.
2. Otherwise the buyer was allowed to buy another plan, and both stay.
3. A subscription is compared only once, so that a later change of plan undoes nothing.
4. Only a purchase in a checkout session that Licet created is undone.

Source: contract, sections 2 and 3.
"""

from collections.abc import Sequence

from licet.db.connection import Connection
from licet.db.locks import lock
from licet.subscriptions.duplicate_plan_store import (
    DuplicatePlan,
    LivePlan,
    find_account_to_compare,
    list_live_plans,
    write_compared,
)


def duplicates(plan: LivePlan, other: LivePlan) -> bool:
    """True if `plan` duplicates an older plan, `other`."""
    return plan.made_here and other.age < plan.age and (plan.one_plan or bool(other.plans & plan.plans))


def to_undo(mine: LivePlan, others: Sequence[LivePlan]) -> list[DuplicatePlan]:
    """`mine` if it duplicates another plan, of which the oldest is kept; else the duplicates of `mine`."""
    oldest = min((other for other in others if duplicates(mine, other)), key=lambda plan: plan.age, default=None)
    if oldest is not None:
        return [DuplicatePlan(mine.id, oldest.id)]
    return [DuplicatePlan(other.id, mine.id) for other in others if duplicates(other, mine)]


async def find_duplicate_plans(conn: Connection, stripe_subscription_id: str) -> list[DuplicatePlan]:
    """The duplicates to undo now that this subscription is entitled; usually none.

    It is not compared again. The purchases of one account are compared one after the other, even if they were made by
    two Stripe customers.
    """
    account_id = await find_account_to_compare(conn, stripe_subscription_id)
    if account_id is None:
        return []
    await lock(conn, [account_id])
    plans = await list_live_plans(conn, stripe_subscription_id)
    mine = next((plan for plan in plans if plan.id == stripe_subscription_id), None)
    if mine is None:
        return []
    await write_compared(conn, stripe_subscription_id)
    return to_undo(mine, [plan for plan in plans if plan is not mine])
