"""The second purchase of a plan is undone: it is ended, its money and credit go back, and the operator is told.

It was written down in the transaction that found it. What our mirror said then of the plan before it may have been old,
so Stripe is asked first: where that one has ended meanwhile, nobody bought anything twice. Each step may be done again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from licet.actions.subscriptions.cancel import cancel_now, lock_as_events_do, settle_anew
from licet.errors import LicetError, StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.statuses import ENDED
from licet.kit.stripe_objects import StripeObject, id_of, payment_of
from licet.notifications.subscriptions import notify_undone_duplicate
from licet.queue.jobs import Job
from licet.stripe_api.once import create_once
from licet.stripe_events.sync import read
from licet.subscriptions import duplicate_plans

log = structlog.get_logger(__name__)

UNDO = "undo_second_plan"

AGAIN_SECONDS = (5, 5, 15, 60, 300, 1800)
"""How long to wait where Stripe could not be asked, by how often it could not; the last holds from then on."""

GONE_ALREADY = ("charge_already_refunded", "charge_disputed")
"""What Stripe says of a payment that went back some other way."""


def duplicate_plan_jobs(context: Context) -> list[Job]:
    """The one kind of deferred work there is here."""

    async def run(stripe_subscription_id: str) -> None:
        await _undo(context, stripe_subscription_id)

    async def due(now: datetime) -> Sequence[str]:
        async with context.pool.acquire() as conn:
            return await duplicate_plans.list_due(conn, now)

    return [Job(UNDO, run, due)]


async def _undo(ctx: Context, stripe_subscription_id: str) -> None:
    async with ctx.pool.acquire() as conn:
        found = await duplicate_plans.find_open(conn, stripe_subscription_id)
    if found is None:
        return
    cause = Cause("rule", found["kept_subscription_id"], "a plan is bought once")
    try:
        if found["status"] not in ENDED:
            if not await _stands(ctx, found["kept_subscription_id"], cause):
                await _let_be(ctx, stripe_subscription_id, cause)
                return
            await cancel_now(ctx, None, stripe_subscription_id, cause)
        returned = await _give_back(ctx, stripe_subscription_id)
    except LicetError as error:
        log.warning("second_plan_not_undone", subscription=stripe_subscription_id, error=error.message)
        await _later(ctx, stripe_subscription_id, found["attempts"])
        return
    except Exception:
        # A fault of ours, or an answer that nobody understands: tried later, lest it is tried every second.
        log.exception("second_plan_raised", subscription=stripe_subscription_id)
        await _later(ctx, stripe_subscription_id, found["attempts"])
        return
    async with ctx.pool.acquire() as conn, conn.transaction():
        await duplicate_plans.done(conn, stripe_subscription_id)
        to = ctx.settings.operator_email
        await notify_undone_duplicate(conn, stripe_subscription_id, found["account_id"], to, ctx.now())
    log.warning(
        "second_plan_undone",
        subscription=stripe_subscription_id,
        kept=found["kept_subscription_id"],
        refunds=returned,
    )


async def _stands(ctx: Context, stripe_subscription_id: str, cause: Cause) -> bool:
    """Whether Stripe says so too."""
    kept = await read(ctx, ctx.stripe.in_background, "subscription", stripe_subscription_id, cause)
    return kept is not None and kept["status"] in duplicate_plans.STANDS


async def _let_be(ctx: Context, stripe_subscription_id: str, cause: Cause) -> None:
    """It brings from now on what it was bought for, unless it goes for another one that is there by now."""
    async with ctx.pool.acquire() as conn, conn.transaction():
        await lock_as_events_do(conn, stripe_subscription_id)
        await duplicate_plans.drop(conn, stripe_subscription_id)
        await settle_anew(ctx, conn, stripe_subscription_id, cause)
    log.info("second_plan_stays", subscription=stripe_subscription_id)


async def _give_back(ctx: Context, stripe_subscription_id: str) -> list[str]:
    """Return all that paid for it, once, and let our mirror know. The refunds' ids."""
    stripe = ctx.stripe.in_background
    returned = []
    async for invoice in stripe.list_all("invoice", subscription=stripe_subscription_id, status="paid"):
        await return_credit(ctx, invoice)
        async for payment in stripe.list_all("invoice_payment", invoice=invoice["id"], status="paid"):
            refund_id = await _refund(ctx, stripe_subscription_id, payment)
            returned += [refund_id] if refund_id else []
    return returned


async def _refund(ctx: Context, stripe_subscription_id: str, payment: StripeObject) -> str | None:
    """The refund's id; None where the money went back some other way."""
    payment_intent_id, charge_id = payment_of(payment)
    which = {"payment_intent": payment_intent_id} if payment_intent_id else {"charge": charge_id}
    params: dict[str, Any] = {
        **which,
        "reason": "duplicate",
        "metadata": {"licet_second_plan": stripe_subscription_id},
    }
    stripe = ctx.stripe.in_background
    try:
        made = await create_once(stripe, "refund", params, f"licet-second-plan-{payment['id']}")
    except StripeRefused as refused:
        if refused.details.get("stripeCode") not in GONE_ALREADY:
            raise
        log.warning("second_plan_refunded_otherwise", subscription=stripe_subscription_id, error=refused.message)
        return None
    await read(ctx, stripe, "refund", made["id"], Cause("rule", stripe_subscription_id, "a plan is bought once"))
    refund_id: str = made["id"]
    return refund_id


async def _later(ctx: Context, stripe_subscription_id: str, attempts: int) -> None:
    seconds = AGAIN_SECONDS[min(attempts, len(AGAIN_SECONDS) - 1)]
    async with ctx.pool.acquire() as conn:
        await duplicate_plans.put_off(conn, stripe_subscription_id, ctx.now() + timedelta(seconds=seconds))


async def return_credit(ctx: Context, invoice: StripeObject) -> None:
    """Add to the customer's balance what this invoice took of it. Raises what Stripe's door raises."""
    used = _used(invoice)
    customer_id = id_of(invoice.get("customer"))
    if used <= 0 or customer_id is None:
        return
    stripe = ctx.stripe.in_background
    customer = await stripe.retrieve("customer", customer_id)
    mark = f"credited_{invoice['id']}"
    if customer is None or customer.get("deleted") or mark in (customer.get("metadata") or {}):
        return
    # Stripe sets the balance and adds nothing to it: a change between the two calls, which are moments apart, is lost.
    balance = customer["balance"] - used
    await stripe.update("customer", customer_id, {"balance": balance, "metadata": {mark: str(used)}})
    log.info("credit_returned", invoice=invoice["id"], amount=used, currency=invoice["currency"])


def _used(invoice: StripeObject) -> int:
    """In minor units. A negative balance is the customer's credit."""
    ending = invoice.get("ending_balance")
    return 0 if ending is None else int(ending - invoice["starting_balance"])
