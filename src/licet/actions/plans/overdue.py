"""What is owed is paid before a change that gives credit for it.

A change at once is prorated: Stripe credits the rest of the period that runs, whether anybody has paid for it or not.
So where a subscription is not paid up, its open invoices are paid first, and then it is changed like any other. Nor is
it paid up in the hour after a renewal, in which Stripe has turned the period and keeps its invoice as a draft.

1. What is open is asked of Stripe, not of our mirror: it is money, and the newest event may be late.
2. Where paying it would not bring the subscription back, nothing is paid and nothing changes.
3. A declined card changes no plan. Nor does a death after the payment: the period is paid for then, and that is all.

Source: docs/decisions/only-what-was-paid-is-credited.md; Stripe's documentation, "Prorations" and
`subscription.status`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from licet.actions.plans.current import get_current_plan
from licet.actions.plans.proration import is_prorated_now
from licet.actions.subscriptions.lock import RefusedByState, SubscriptionChanging
from licet.actions.subscriptions.pay_invoice import SETTLED, pay_invoice
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.statuses import ENTITLED
from licet.kit.stripe_objects import StripeObject
from licet.plans.selection import Chosen
from licet.plans.store import CurrentPlan
from licet.stripe_events.sync import read

PAYMENT_OVERDUE = {
    "payment_overdue": (
        409,
        "The subscription is not paid up, and paying its open invoices does not bring it back: its plan stays.",
        {"subscriptionId": "sub_1QxYz", "subscriptionStatus": "unpaid"},
    )
}
"""For a route's `responses`."""


class PaymentOverdue(RefusedByState):
    """Not paid up, and not to be brought back by paying what is open."""

    code = "payment_overdue"

    def __init__(self, plan: CurrentPlan) -> None:
        super().__init__(
            f"The subscription is {plan.status}, and paying its open invoices does not bring it back, so there is "
            "nothing to change yet. Settle its invoices, or resume it, in Stripe's dashboard; or end it at once "
            '(POST /payment/subscription-cancel with "immediately": true) and subscribe anew.',
            details={"subscriptionId": plan.stripe_subscription_id, "subscriptionStatus": plan.status},
        )


@dataclass
class Charged:
    """What one call has charged for what was overdue, in minor units: it outlasts another look at the subscription."""

    amount: int = 0


async def list_owed(ctx: Context, plan: CurrentPlan, chosen: Chosen) -> Sequence[StripeObject]:
    """The invoices that are to be paid before a change at once, the oldest first; empty where it may be made.

    Raises PaymentOverdue where paying them would not do, and what Stripe's door raises.
    """
    if not is_prorated_now(plan, chosen):
        return ()
    if plan.status in ENTITLED:
        return await _renewal_under_way(ctx, plan)
    wanted = {"subscription": plan.stripe_subscription_id, "status": "open"}
    found = [invoice async for invoice in ctx.stripe.list_all("invoice", **wanted)]
    if not _brings_back(plan, {invoice["id"] for invoice in found}):
        raise PaymentOverdue(plan)
    return found[::-1]


async def _renewal_under_way(ctx: Context, plan: CurrentPlan) -> Sequence[StripeObject]:
    """The newest invoice, where Stripe has not taken its money yet but is about to."""
    if plan.stripe_latest_invoice_id is None or await _is_settled(ctx, plan.stripe_latest_invoice_id):
        return ()
    invoice = await ctx.stripe.retrieve("invoice", plan.stripe_latest_invoice_id)
    if invoice is None or invoice["collection_method"] != "charge_automatically" or not invoice["auto_advance"]:
        # The vendor sends it, or keeps it for now: whoever may pay later has nothing overdue.
        return ()
    return (invoice,) if invoice["status"] in ("draft", "open") else ()


async def _is_settled(ctx: Context, stripe_invoice_id: str) -> bool:
    """Whether we know already that nothing more is to be paid for it: that is final, however late events are."""
    status = await ctx.pool.fetchval("SELECT status FROM invoices WHERE stripe_invoice_id = $1", stripe_invoice_id)
    return status in SETTLED


def amount_of(owed: Sequence[StripeObject]) -> int:
    """What paying them takes, in minor units."""
    return sum(invoice["amount_remaining"] for invoice in owed)


async def pay_owed(ctx: Context, owed: Sequence[StripeObject], cause: Cause, charged: Charged) -> None:
    """Pay them, adding to `charged` what this call took.

    Raises CardDeclined at the first refusal, and what Stripe's door raises.
    """
    for invoice in owed:
        if await pay_invoice(ctx, invoice["id"], cause):
            charged.amount += invoice["amount_remaining"]


async def get_paid_up(ctx: Context, account_id: UUID, plan: CurrentPlan, cause: Cause) -> CurrentPlan:
    """The same plan once it is paid for, as Stripe has it then.

    Raises SubscriptionChanging where it is another plan by now, PaymentOverdue where Stripe says that it is not paid up
    yet, and what Stripe's door raises.
    """
    await read(ctx, ctx.stripe, "subscription", plan.stripe_subscription_id, cause)
    fresh = await get_current_plan(ctx, account_id)
    if (fresh.stripe_item_id, fresh.place, fresh.quantity) != (plan.stripe_item_id, plan.place, plan.quantity):
        raise SubscriptionChanging
    if fresh.status not in ENTITLED:
        raise PaymentOverdue(fresh)
    return fresh


def _brings_back(plan: CurrentPlan, open_ids: set[str]) -> bool:
    """While past due the newest invoice that was asked for says how it stands, else the newest of all, drafts too."""
    if plan.status == "past_due":
        return bool(open_ids)
    return plan.status in ("unpaid", "incomplete") and plan.stripe_latest_invoice_id in open_ids
