"""Undoes a duplicate plan: ends it, returns what was paid for it and tells the operator.

The duplicate was stored in the transaction that found it, from mirrors that may have been out of date. So Stripe is
asked before anything is undone:

1. The older subscription is read. If it has ended meanwhile, nothing was bought twice.
2. The checkout sessions of both are read. Metadata, by which a session can be found, can be copied to another
   subscription; a session itself names the one that it bought.
3. The purchase's invoice is read. If the plan's items are not what it billed, somebody has changed them since, or they
   were renewed. A change undoes nothing.

What will be undone and returned is stored before the first change. Each step is safe to repeat.
"""

import structlog

from licet.actions.plans.plan_share import Share, is_as_bought, items_of, lines_of, share_of
from licet.actions.plans.return_money import refunded_of, return_money
from licet.actions.subscriptions.cancel import cancel_now, lock_subscription, update_licenses
from licet.actions.subscriptions.lock import subscription_lock
from licet.errors import Conflict
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.retry import Retry
from licet.kit.statuses import ENDED, ENTITLED
from licet.kit.stripe_objects import StripeObject, id_of
from licet.notifications.subscriptions import notify_undone_duplicate
from licet.queue.due import due_job
from licet.queue.jobs import Job
from licet.stripe_events import sync
from licet.subscriptions.duplicate_plan_store import LIVE_STATUSES
from licet.subscriptions.undo_duplicate_store import (
    DUPLICATE_PLANS,
    PlanToUndo,
    ToReturn,
    delete_duplicate_plan,
    find_purchase_session,
    find_to_undo,
    write_decision,
    write_undone,
)

log = structlog.get_logger(__name__)

UNDO_DUPLICATE_JOB = "undo_duplicate_plan"
"""The job's entrypoint; its key is the Stripe id of the subscription to undo."""

UNDO_RETRY = Retry(seconds=(5, 5, 15, 60, 300, 1800))


class _Kept(Exception):
    """The plan is not undone. compare_again: with the account's other plans."""

    def __init__(self, reason: str, *, compare_again: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.compare_again = compare_again


def duplicate_plan_jobs(context: Context) -> list[Job]:
    """The job that undoes duplicate plans."""

    async def run(stripe_subscription_id: str) -> None:
        await _undo(context, stripe_subscription_id)

    return [due_job(UNDO_DUPLICATE_JOB, DUPLICATE_PLANS, run, UNDO_RETRY, pool=context.pool, now=context.now)]


async def _undo(ctx: Context, stripe_subscription_id: str) -> None:
    async with ctx.pool.acquire() as conn:
        plan = await find_to_undo(conn, stripe_subscription_id)
    if plan is None:
        return
    cause = Cause("rule", plan.kept_subscription_id, "a plan is bought once")
    try:
        to_return = await _end(ctx, plan, cause)
    except _Kept as kept:
        await _keep(ctx, plan, kept, cause)
        return
    refunded = await _return_money(ctx, plan, to_return)
    async with ctx.pool.acquire() as conn, conn.transaction():
        await lock_subscription(conn, stripe_subscription_id)
        await write_undone(conn, stripe_subscription_id, refund_amount=refunded)
        to = ctx.settings.operator_email
        await notify_undone_duplicate(conn, stripe_subscription_id, plan.account_id, to, ctx.now())
        await update_licenses(ctx, conn, stripe_subscription_id, cause)
    log.warning(
        "duplicate_plan_undone",
        subscription=stripe_subscription_id,
        kept=plan.kept_subscription_id,
        paid=to_return.paid_amount,
        refunded=refunded,
        credited=to_return.credit_amount,
        currency=to_return.currency,
    )


async def _end(ctx: Context, plan: PlanToUndo, cause: Cause) -> ToReturn:
    """End the plan at Stripe, unless that is done; return what is to return.

    Raises _Kept if the plan stays, and Conflict before a bank debit has been collected: what arrives
    after a cancellation would buy nothing.
    """
    subscription = await _read(ctx, "subscription", plan.stripe_subscription_id, cause)
    if subscription is None:
        raise _Kept("Stripe has no such subscription")
    items = items_of(subscription, plan.products)
    has_ended = subscription["status"] in ENDED
    if plan.to_return is not None and (has_ended or not items):
        return plan.to_return
    await _check_kept(ctx, plan, cause)
    session = await _purchase(ctx, plan.stripe_subscription_id, cause)
    invoice_id = id_of(session.get("invoice"))
    invoice = await _read(ctx, "invoice", invoice_id, cause) if invoice_id else None
    if invoice is not None and invoice["status"] in ("draft", "open") and subscription["status"] in ENTITLED:
        raise Conflict("The purchase's payment is still being processed.")
    if not items or not is_as_bought(items, lines_of(invoice, plan.products)) or subscription.get("schedule"):
        raise _Kept("it was changed or renewed since it was bought")
    continues = not has_ended and len(items) < len(subscription["items"]["data"])
    to_return = plan.to_return or await _to_return(ctx, plan, subscription, invoice)
    async with ctx.pool.acquire() as conn:
        await write_decision(conn, plan.stripe_subscription_id, to_return, subscription_continues=continues)
    if continues:
        removed = [{"id": item["id"], "deleted": True} for item in items]
        async with subscription_lock(ctx, plan.stripe_subscription_id):
            params = {"items": removed, "proration_behavior": "none"}
            await sync.update(ctx, "subscription", plan.stripe_subscription_id, params, cause)
    elif not has_ended:
        await cancel_now(ctx, None, plan.stripe_subscription_id, cause)
    return to_return


async def _check_kept(ctx: Context, plan: PlanToUndo, cause: Cause) -> None:
    """Raise _Kept unless the older plan is live and was bought in a checkout of Licet's."""
    kept = await _read(ctx, "subscription", plan.kept_subscription_id, cause)
    if kept is None or kept["status"] not in LIVE_STATUSES:
        raise _Kept("the older plan has ended", compare_again=True)
    await _purchase(ctx, plan.kept_subscription_id, cause)


async def _purchase(ctx: Context, stripe_subscription_id: str, cause: Cause) -> StripeObject:
    """The checkout session of Licet's that bought the subscription. Raises _Kept if there is none."""
    async with ctx.pool.acquire() as conn:
        session_id = await find_purchase_session(conn, stripe_subscription_id)
    session = await _read(ctx, "checkout.session", session_id, cause) if session_id else None
    if session is None or id_of(session.get("subscription")) != stripe_subscription_id:
        raise _Kept(f"no checkout session bought the subscription {stripe_subscription_id}")
    return session


async def _read(ctx: Context, kind: str, stripe_id: str, cause: Cause) -> StripeObject | None:
    return await sync.read(ctx, ctx.stripe.in_background, kind, stripe_id, cause)


async def _to_return(
    ctx: Context, plan: PlanToUndo, subscription: StripeObject, invoice: StripeObject | None
) -> ToReturn:
    if invoice is None or invoice["status"] != "paid":
        return ToReturn(id_of(invoice), subscription["currency"], 0, 0, 0)
    share = share_of(invoice, lines_of(invoice, plan.products).values())
    to_refund = max(0, share.by_payment - await refunded_of(ctx, invoice))
    return ToReturn(invoice["id"], invoice["currency"], share.total, to_refund, share.by_credit)


async def _keep(ctx: Context, plan: PlanToUndo, kept: _Kept, cause: Cause) -> None:
    """Fulfil the subscription after all, unless it is compared again and duplicates another plan."""
    async with ctx.pool.acquire() as conn, conn.transaction():
        await lock_subscription(conn, plan.stripe_subscription_id)
        await delete_duplicate_plan(conn, plan.stripe_subscription_id, compare_again=kept.compare_again)
        await update_licenses(ctx, conn, plan.stripe_subscription_id, cause)
    say = log.info if kept.compare_again else log.warning
    say(
        "duplicate_plan_kept",
        subscription=plan.stripe_subscription_id,
        older=plan.kept_subscription_id,
        reason=kept.reason,
    )


async def _return_money(ctx: Context, plan: PlanToUndo, to_return: ToReturn) -> int:
    """Return what was decided. The result is what is refunded, in minor units."""
    invoice_id, stripe = to_return.stripe_invoice_id, ctx.stripe.in_background
    invoice = await stripe.retrieve("invoice", invoice_id) if invoice_id and to_return.paid_amount else None
    if invoice is None:
        return 0
    share = Share(to_return.paid_amount - to_return.credit_amount, to_return.credit_amount)
    return await return_money(ctx, plan.stripe_subscription_id, invoice, share)
