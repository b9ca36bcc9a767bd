"""Undoes a duplicate plan: cancels it, refunds it, returns its credit and tells the operator.

The duplicate was stored in the transaction that found it. The mirror of the older plan may have been out of date then,
so that plan is read from Stripe first: if it has ended meanwhile, nothing was bought twice. Each step is safe to
repeat.
"""

from typing import Any

import structlog

from licet.actions.subscriptions.cancel import cancel_now, lock_subscription, update_licenses
from licet.errors import StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.retry import Retry
from licet.kit.statuses import ENDED
from licet.kit.stripe_objects import StripeObject, id_of, payment_of
from licet.notifications.subscriptions import notify_undone_duplicate
from licet.queue.due import due_job
from licet.queue.jobs import Job
from licet.stripe_api.once import create_once
from licet.stripe_events import sync
from licet.subscriptions.duplicate_plan_store import (
    DUPLICATE_PLANS,
    LIVE_STATUSES,
    delete_duplicate_plan,
    find_to_undo,
    write_undone,
)

log = structlog.get_logger(__name__)

UNDO_DUPLICATE_JOB = "undo_duplicate_plan"
"""The job's entrypoint; its key is the Stripe id of the subscription to undo."""

UNDO_RETRY = Retry(seconds=(5, 5, 15, 60, 300, 1800))

RETURNED_OTHERWISE = ("charge_already_refunded", "charge_disputed")
"""Stripe's error codes for a payment that was refunded or disputed before."""


def duplicate_plan_jobs(context: Context) -> list[Job]:
    """The job that undoes duplicate plans."""

    async def run(stripe_subscription_id: str) -> None:
        await _undo(context, stripe_subscription_id)

    return [due_job(UNDO_DUPLICATE_JOB, DUPLICATE_PLANS, run, UNDO_RETRY, pool=context.pool, now=context.now)]


async def _undo(ctx: Context, stripe_subscription_id: str) -> None:
    async with ctx.pool.acquire() as conn:
        duplicate = await find_to_undo(conn, stripe_subscription_id)
    if duplicate is None:
        return
    kept_subscription_id = duplicate["kept_subscription_id"]
    cause = Cause("rule", kept_subscription_id, "a plan is bought once")
    if duplicate["status"] not in ENDED:
        if not await _is_live(ctx, kept_subscription_id, cause):
            await _keep(ctx, stripe_subscription_id, cause)
            return
        await cancel_now(ctx, None, stripe_subscription_id, cause)
    refund_ids = await _return_money(ctx, stripe_subscription_id)
    async with ctx.pool.acquire() as conn, conn.transaction():
        await write_undone(conn, stripe_subscription_id)
        to = ctx.settings.operator_email
        await notify_undone_duplicate(conn, stripe_subscription_id, duplicate["account_id"], to, ctx.now())
    log.warning(
        "duplicate_plan_undone", subscription=stripe_subscription_id, kept=kept_subscription_id, refunds=refund_ids
    )


async def _is_live(ctx: Context, stripe_subscription_id: str, cause: Cause) -> bool:
    kept = await sync.read(ctx, ctx.stripe.in_background, "subscription", stripe_subscription_id, cause)
    return kept is not None and kept["status"] in LIVE_STATUSES


async def _keep(ctx: Context, stripe_subscription_id: str, cause: Cause) -> None:
    """Fulfil the subscription after all, unless it duplicates another plan that the account has by now."""
    async with ctx.pool.acquire() as conn, conn.transaction():
        await lock_subscription(conn, stripe_subscription_id)
        await delete_duplicate_plan(conn, stripe_subscription_id)
        await update_licenses(ctx, conn, stripe_subscription_id, cause)
    log.info("duplicate_plan_kept", subscription=stripe_subscription_id)


async def _return_money(ctx: Context, stripe_subscription_id: str) -> list[str]:
    """Refund every payment of the subscription once, return the credit it used, and mirror that.

    Returns the refunds' ids.
    """
    stripe = ctx.stripe.in_background
    refund_ids = []
    async for invoice in stripe.list_all("invoice", subscription=stripe_subscription_id, status="paid"):
        await return_credit(ctx, invoice)
        async for payment in stripe.list_all("invoice_payment", invoice=invoice["id"], status="paid"):
            refund_id = await _refund(ctx, stripe_subscription_id, payment)
            refund_ids += [refund_id] if refund_id else []
    return refund_ids


async def _refund(ctx: Context, stripe_subscription_id: str, payment: StripeObject) -> str | None:
    """The refund's id; None if the payment was refunded or disputed before."""
    payment_intent_id, charge_id = payment_of(payment)
    paid_by = {"payment_intent": payment_intent_id} if payment_intent_id else {"charge": charge_id}
    params: dict[str, Any] = {
        **paid_by,
        "reason": "duplicate",
        "metadata": {"licet_second_plan": stripe_subscription_id},
    }
    stripe = ctx.stripe.in_background
    try:
        refund = await create_once(stripe, "refund", params, f"licet-second-plan-{payment['id']}")
    except StripeRefused as refused:
        if refused.details.get("stripeCode") not in RETURNED_OTHERWISE:
            raise
        log.warning("duplicate_plan_refunded_before", subscription=stripe_subscription_id, error=refused.message)
        return None
    refund_id: str = refund["id"]
    await sync.read(ctx, stripe, "refund", refund_id, Cause("rule", stripe_subscription_id, "a plan is bought once"))
    return refund_id


async def return_credit(ctx: Context, invoice: StripeObject) -> None:
    """Return to the customer's balance what an invoice used of it.

    Raises StripeRefused, StripeUnavailable.
    """
    used = _used_credit(invoice)
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


def _used_credit(invoice: StripeObject) -> int:
    """The credit that the invoice used, in minor units. A negative balance is the customer's credit."""
    ending = invoice.get("ending_balance")
    return 0 if ending is None else int(ending - invoice["starting_balance"])
