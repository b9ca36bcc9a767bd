"""The second purchase of a plan: once it has ended, its money goes back, and the operator is told.

It was written down to end (`subscriptions/cancellations.py`) in the transaction that found it, so the job of those ends
it; this one gives back what was paid. Both may be done again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from licet import announcements
from licet.errors import LicetError
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.statuses import ENDED
from licet.kit.stripe_objects import payment_of
from licet.queue.jobs import Job
from licet.stripe_api.once import create_once
from licet.subscriptions import second_plans
from licet.webhooks.reading import read

log = structlog.get_logger(__name__)

UNDO = "undo_second_plan"

AGAIN_SECONDS = (5, 5, 15, 60, 300, 1800)
"""How long to wait for its end, or for Stripe, by how often that was; the last holds from then on."""


def jobs(context: Context) -> list[Job]:
    """The one kind of deferred work there is here."""

    async def run(stripe_subscription_id: str) -> None:
        await _undo(context, stripe_subscription_id)

    async def due(now: datetime) -> Sequence[str]:
        async with context.pool.acquire() as conn:
            return await second_plans.list_due(conn, now)

    return [Job(UNDO, run, due)]


async def _undo(ctx: Context, stripe_subscription_id: str) -> None:
    async with ctx.pool.acquire() as conn:
        found = await second_plans.find_open(conn, stripe_subscription_id)
    if found is None:
        return
    if found["status"] not in ENDED:
        await _later(ctx, stripe_subscription_id, found["attempts"])
        return
    try:
        returned = await _give_back(ctx, stripe_subscription_id, found["stripe_latest_invoice_id"])
    except LicetError as error:
        log.warning("second_plan_not_refunded", subscription=stripe_subscription_id, error=error.message)
        await _later(ctx, stripe_subscription_id, found["attempts"])
        return
    async with ctx.pool.acquire() as conn, conn.transaction():
        await second_plans.done(conn, stripe_subscription_id)
        to = ctx.settings.operator_email
        await announcements.second_plan(conn, stripe_subscription_id, found["account_id"], to, ctx.now())
    log.warning(
        "second_plan_undone",
        subscription=stripe_subscription_id,
        kept=found["kept_subscription_id"],
        refunds=returned,
    )


async def _give_back(ctx: Context, stripe_subscription_id: str, stripe_invoice_id: str | None) -> list[str]:
    """Refund each payment of the purchase in full, once, and let our mirror know. The refunds' ids."""
    if stripe_invoice_id is None:
        return []
    stripe = ctx.stripe.in_background
    returned = []
    async for payment in stripe.list_all("invoice_payment", invoice=stripe_invoice_id, status="paid"):
        payment_intent_id, charge_id = payment_of(payment)
        which = {"payment_intent": payment_intent_id} if payment_intent_id else {"charge": charge_id}
        params: dict[str, Any] = {
            **which,
            "reason": "duplicate",
            "metadata": {"licet_second_plan": stripe_subscription_id},
        }
        made = await create_once(stripe, "refund", params, f"licet-second-plan-{payment['id']}")
        cause = Cause("rule", stripe_subscription_id, "a plan is bought once")
        await read(ctx, stripe, "refund", made["id"], cause)
        returned.append(made["id"])
    return returned


async def _later(ctx: Context, stripe_subscription_id: str, attempts: int) -> None:
    seconds = AGAIN_SECONDS[min(attempts, len(AGAIN_SECONDS) - 1)]
    async with ctx.pool.acquire() as conn:
        await second_plans.put_off(conn, stripe_subscription_id, ctx.now() + timedelta(seconds=seconds))
