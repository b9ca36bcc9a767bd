"""Pays overdue invoices before a change of plan that gives credit for their period.

An immediate change is prorated: Stripe credits the rest of the current period, whether or not it was paid for. So if a
subscription is overdue, its open invoices are paid first, and then its plan changes like any other. A subscription also
counts as overdue in the hour after a renewal: Stripe has begun the new period, and its invoice is still a draft.

1. The open invoices are listed at Stripe, not in the database, because the newest event may be late.
2. If paying them would not make the subscription active again, nothing is paid and nothing changes.
3. If the card is declined, the plan does not change. If the process dies after the payment, the period is paid for and
   the plan has not changed.

Source: docs/decisions/only-what-was-paid-is-credited.md; Stripe's documentation, "Prorations" and
`subscription.status`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from licet.actions.plans.current import get_current_plan
from licet.actions.plans.proration import is_prorated_now
from licet.actions.store import find_invoice_status
from licet.actions.subscriptions.lock import RefusedByState, SubscriptionChanging
from licet.actions.subscriptions.pay_invoice import SETTLED, pay_invoice
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.statuses import ENTITLED
from licet.kit.stripe_objects import StripeObject
from licet.plans.selection import Chosen
from licet.plans.store import CurrentPlan
from licet.stripe_events import sync

PAYMENT_OVERDUE = {
    "payment_overdue": (
        409,
        "The subscription is overdue, and paying its open invoices does not make it active again. Its plan stays.",
        {"subscriptionId": "sub_1QxYz", "subscriptionStatus": "unpaid"},
    )
}
"""For a route's `responses`."""


class PaymentOverdue(RefusedByState):
    """The subscription is overdue, and paying its open invoices does not make it active again."""

    code = "payment_overdue"

    def __init__(self, plan: CurrentPlan) -> None:
        super().__init__(
            f"The subscription is {plan.status}, and paying its open invoices does not make it active again, so its "
            "plan cannot change yet. Settle its invoices, or resume it, in Stripe's dashboard; or cancel it "
            'immediately (POST /payment/subscription-cancel with "immediately": true) and subscribe again.',
            details={"subscriptionId": plan.stripe_subscription_id, "subscriptionStatus": plan.status},
        )


@dataclass
class Charged:
    """What one change of plan has charged for overdue invoices, over all its attempts, in minor units."""

    amount: int = 0


async def list_invoices_to_pay(ctx: Context, plan: CurrentPlan, chosen: Chosen) -> Sequence[StripeObject]:
    """The invoices to pay before an immediate change, oldest first; empty if none is overdue.

    Raises PaymentOverdue if paying them would not make the subscription active again, StripeRefused, StripeUnavailable.
    """
    if not is_prorated_now(plan, chosen):
        return ()
    if plan.status in ENTITLED:
        return await _renewal_under_way(ctx, plan)
    open_invoices = {"subscription": plan.stripe_subscription_id, "status": "open"}
    newest_first = [invoice async for invoice in ctx.stripe.list_all("invoice", **open_invoices)]
    if not _reactivates(plan, {invoice["id"] for invoice in newest_first}):
        raise PaymentOverdue(plan)
    return newest_first[::-1]


async def _renewal_under_way(ctx: Context, plan: CurrentPlan) -> Sequence[StripeObject]:
    """The newest invoice, if Stripe will charge it and has not done so yet."""
    if plan.stripe_latest_invoice_id is None:
        return ()
    if await find_invoice_status(ctx.pool, plan.stripe_latest_invoice_id) in SETTLED:
        # This status is final, so a late event cannot change it.
        return ()
    invoice = await ctx.stripe.retrieve("invoice", plan.stripe_latest_invoice_id)
    if invoice is None or invoice["collection_method"] != "charge_automatically" or not invoice["auto_advance"]:
        # The vendor sends the invoice, or holds it back: nothing is overdue for a customer who may pay later.
        return ()
    return (invoice,) if invoice["status"] in ("draft", "open") else ()


def amount_remaining(invoices: Sequence[StripeObject]) -> int:
    """The amount that paying the invoices charges, in minor units."""
    return sum(invoice["amount_remaining"] for invoice in invoices)


async def pay_invoices(ctx: Context, invoices: Sequence[StripeObject], cause: Cause, charged: Charged) -> None:
    """Pay the invoices, and add to `charged` the amounts that this call paid.

    Raises CardDeclined at the first invoice that is declined, StripeRefused, StripeUnavailable.
    """
    for invoice in invoices:
        if await pay_invoice(ctx, invoice["id"], cause):
            charged.amount += invoice["amount_remaining"]


async def get_plan_once_paid(ctx: Context, account_id: UUID, plan: CurrentPlan, cause: Cause) -> CurrentPlan:
    """The plan, read from Stripe again after its invoices were paid.

    Raises SubscriptionChanging if the plan has changed, PaymentOverdue if it is still overdue, StripeRefused,
    StripeUnavailable.
    """
    await sync.read(ctx, ctx.stripe, "subscription", plan.stripe_subscription_id, cause)
    paid = await get_current_plan(ctx, account_id)
    if (paid.stripe_item_id, paid.place, paid.quantity) != (plan.stripe_item_id, plan.place, plan.quantity):
        raise SubscriptionChanging
    if paid.status not in ENTITLED:
        raise PaymentOverdue(paid)
    return paid


def _reactivates(plan: CurrentPlan, open_invoice_ids: set[str]) -> bool:
    """True if paying the open invoices makes the subscription active again.

    While it is past_due, its status follows the newest invoice that was charged; else the newest of all, also a draft.
    """
    if plan.status == "past_due":
        return bool(open_invoice_ids)
    return plan.status in ("unpaid", "incomplete") and plan.stripe_latest_invoice_id in open_invoice_ids
