"""Settles the purchases of a changed product, and of licenses that changed by time alone."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import structlog

from licet.db.locks import lock
from licet.fulfilment import fulfil
from licet.http.context import Context
from licet.kit.affected import Affected, ids
from licet.kit.cause import Cause
from licet.licenses.write import ChangeContext
from licet.queue.jobs import Job
from licet.refulfil import store
from licet.refulfil.store import StoredPurchase

log = structlog.get_logger(__name__)

STATUS_BY_TIME_JOB = "settle_expired_licenses"
"""The job that stores a status that changed by time alone."""


class NotAllSettled(Exception):
    """Some purchases could not be settled: the log names them. All are tried again."""


async def refulfil_product(context: Context, product_id: UUID, cause: Cause) -> None:
    """Settle every purchase of a product, each in its own transaction.

    Purchases that waited for the product are fulfilled.
    Raises NotAllSettled if a purchase could not be settled; the others are settled anyway.
    """
    async with context.pool.acquire() as conn:
        purchases = await store.list_purchases_of_product(conn, product_id)
    failed = 0
    for purchase in purchases:
        try:
            await _settle(context, purchase, cause)
        except asyncpg.PostgresError:
            failed += 1
            log.exception("settling_failed", stripe_id=purchase.stripe_id, product_id=str(product_id))
    if failed:
        raise NotAllSettled(f"{failed} of {len(purchases)} purchases")


async def _settle(context: Context, purchase: StoredPurchase, cause: Cause) -> None:
    purchase_ids = ids(purchase.stripe_id)
    affected = Affected(subscriptions=purchase_ids) if purchase.recurring else Affected(sessions=purchase_ids)
    async with context.pool.acquire() as conn, conn.transaction():
        await lock(conn, ids(purchase.stripe_id, purchase.stripe_customer_id))
        fulfilled = await fulfil(conn, affected, ChangeContext(context.keyring, cause, context.now))
        if not fulfilled.waits_for:
            await store.mark_waiting_events_applied(conn, purchase.account_id)


def refulfil_jobs(context: Context) -> Sequence[Job]:
    """The job that stores statuses that changed by time alone.

    Reads return the new status already; the job adds it to the timeline and publishes it.
    """

    async def run(stripe_subscription_id: str) -> None:
        async with context.pool.acquire() as conn:
            purchase = await store.find_subscription_purchase(conn, stripe_subscription_id)
        if purchase is not None:
            await _settle(context, purchase, Cause("time", stripe_subscription_id))

    async def due(now: datetime) -> Sequence[str]:
        async with context.pool.acquire() as conn:
            return await store.list_outdated_subscriptions(conn, now)

    return [Job(STATUS_BY_TIME_JOB, run, due)]
