"""Returns what was paid for a duplicate plan, by refunds and as credit. Safe to repeat."""

from typing import Any

import structlog

from licet.actions.plans.plan_share import Share, used_credit
from licet.errors import StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject, id_of, payment_of
from licet.refunds.mirror import FAILED_REFUND_STATUSES
from licet.stripe_api.once import create_once
from licet.stripe_events import sync

log = structlog.get_logger(__name__)

MARK = "licet_second_plan"
"""The key in a refund's metadata whose value is the subscription that was undone."""

RETURNED_OTHERWISE = ("charge_already_refunded", "charge_disputed")
"""Stripe's error codes for a payment that was refunded or disputed before."""


async def refunded_of(ctx: Context, invoice: StripeObject) -> int:
    """What was returned of the invoice so far, by refunds or credit notes. In minor units."""
    refunded = 0
    async for payment in ctx.stripe.in_background.list_all("invoice_payment", invoice=invoice["id"], status="paid"):
        refunded += sum(refund["amount"] for refund in await _refunds(ctx, payment))
    return max(refunded, invoice.get("post_payment_credit_notes_amount") or 0)


async def return_money(ctx: Context, stripe_subscription_id: str, invoice: StripeObject, share: Share) -> int:
    """Refund and credit `share` of the invoice. Returns what is refunded for the duplicate plan.

    Amounts in minor units. What was refunded before counts as refunded for the plan: nothing is refunded twice. Raises
    StripeRefused, StripeUnavailable.
    """
    await return_credit(ctx, invoice, share.by_credit)
    left = share.by_payment - await refunded_of(ctx, invoice)
    refunded = 0
    async for payment in ctx.stripe.in_background.list_all("invoice_payment", invoice=invoice["id"], status="paid"):
        refunds = await _refunds(ctx, payment)
        unrefunded = (payment.get("amount_paid") or 0) - sum(refund["amount"] for refund in refunds)
        amount = min(left, unrefunded)
        if amount > 0 and await _refund(ctx, stripe_subscription_id, payment, amount):
            left, refunded = left - amount, refunded + amount
        refunded += sum(
            refund["amount"] for refund in refunds if (refund.get("metadata") or {}).get(MARK) == stripe_subscription_id
        )
    return refunded


async def _refunds(ctx: Context, payment: StripeObject) -> list[StripeObject]:
    """The refunds of a payment that did not fail."""
    paid_by = _paid_by(payment)
    if not paid_by:
        return []
    listed = ctx.stripe.in_background.list_all("refund", **paid_by)
    return [refund async for refund in listed if refund.get("status") not in FAILED_REFUND_STATUSES]


def _paid_by(payment: StripeObject) -> dict[str, Any]:
    """The parameter that names a payment's payment intent or charge. Empty: it was paid outside Stripe."""
    payment_intent_id, charge_id = payment_of(payment)
    if payment_intent_id:
        return {"payment_intent": payment_intent_id}
    return {"charge": charge_id} if charge_id else {}


async def _refund(ctx: Context, stripe_subscription_id: str, payment: StripeObject, amount: int) -> bool:
    """Refund a part of a payment.

    False if it was refunded or disputed before, or was made outside Stripe.
    """
    paid_by = _paid_by(payment)
    if not paid_by:
        log.warning("duplicate_plan_paid_outside_stripe", subscription=stripe_subscription_id, payment=payment["id"])
        return False
    params: dict[str, Any] = {
        **paid_by,
        "amount": amount,
        "reason": "duplicate",
        "metadata": {MARK: stripe_subscription_id},
    }
    stripe = ctx.stripe.in_background
    try:
        refund = await create_once(stripe, "refund", params, f"licet-second-plan-{payment['id']}-{amount}")
    except StripeRefused as refused:
        if refused.details.get("stripeCode") not in RETURNED_OTHERWISE:
            raise
        log.warning("duplicate_plan_refunded_before", subscription=stripe_subscription_id, error=refused.message)
        return False
    await sync.read(ctx, stripe, "refund", refund["id"], Cause("rule", stripe_subscription_id, "a plan is bought once"))
    return True


async def return_credit(ctx: Context, invoice: StripeObject, amount: int) -> None:
    """Return to the customer's balance this part of what an invoice used of it, in minor units.

    Raises StripeRefused, StripeUnavailable.
    """
    used = min(amount, used_credit(invoice))
    customer_id = id_of(invoice.get("customer"))
    if used <= 0 or customer_id is None:
        return
    stripe = ctx.stripe.in_background
    customer = await stripe.retrieve("customer", customer_id)
    mark = f"credited_{invoice['id']}"
    if customer is None or customer.get("deleted") or mark in (customer.get("metadata") or {}):
        return
    # Stripe sets the balance and cannot add to it: a change of it between the two calls, moments apart, is lost.
    balance = customer["balance"] - used
    await stripe.update("customer", customer_id, {"balance": balance, "metadata": {mark: str(used)}})
    log.info("credit_returned", invoice=invoice["id"], amount=used, currency=invoice["currency"])
