"""What is settled anew with no event: when the catalogue changed a product, and when time alone changed a license."""

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

log = structlog.get_logger(__name__)

TURNED = "license_turned"


class NotAllSettled(Exception):
    """Some purchases could not be settled, which the log says; the others are, and all are tried again."""


async def refulfil_product(context: Context, product_id: UUID, cause: Cause) -> None:
    """Settle every purchase of a product, each in a transaction of its own: what waited for it is fulfilled now.

    Raises NotAllSettled when one could not be; that one does not keep the others from it.
    """
    roots = await context.pool.fetch(
        """
        WITH product AS (SELECT id, stripe_product_id FROM products WHERE id = $1)
        SELECT stripe_subscription_id AS id, stripe_customer_id, account_id, true AS recurring
        FROM subscriptions WHERE stripe_subscription_id IN (
            SELECT stripe_subscription_id FROM subscriptions, product
                WHERE waits_for <> '{}' AND waits_for @> ARRAY[product.stripe_product_id]
            UNION SELECT stripe_subscription_id FROM licenses JOIN product ON licenses.product_id = product.id)
        UNION ALL
        SELECT stripe_session_id, stripe_customer_id, account_id, false
        FROM checkout_sessions WHERE stripe_session_id IN (
            SELECT stripe_session_id FROM orders, product
                WHERE waits_for <> '{}' AND waits_for @> ARRAY[product.stripe_product_id]
            UNION SELECT stripe_session_id FROM licenses JOIN product ON licenses.product_id = product.id)
        """,
        product_id,
    )
    failed = 0
    for root in roots:
        try:
            await _settle(context, root, cause)
        except asyncpg.PostgresError:
            failed += 1
            log.exception("refulfil_failed", stripe_id=root["id"], product_id=str(product_id))
    if failed:
        raise NotAllSettled(f"{failed} of {len(roots)} purchases")


async def _settle(context: Context, root: asyncpg.Record, cause: Cause) -> None:
    touched = Affected(subscriptions=ids(root["id"])) if root["recurring"] else Affected(sessions=ids(root["id"]))
    async with context.pool.acquire() as conn, conn.transaction():
        await lock(conn, ids(root["id"], root["stripe_customer_id"]))
        fulfilled = await fulfil(conn, touched, ChangeContext(context.keyring, cause, context.now()))
        if not fulfilled.waits_for:
            await conn.execute(
                """
                UPDATE events SET outcome = 'applied', reason = NULL
                WHERE account_id = $1 AND outcome = 'parked' AND reason LIKE 'waits until the catalogue knows %'
                """,
                root["account_id"],
            )


def refulfil_jobs(context: Context) -> Sequence[Job]:
    """What time alone has changed reads so already; the job writes it down, so that the timeline tells it too."""

    async def run(stripe_subscription_id: str) -> None:
        root = await context.pool.fetchrow(
            """
            SELECT stripe_subscription_id AS id, stripe_customer_id, account_id, true AS recurring
            FROM subscriptions WHERE stripe_subscription_id = $1
            """,
            stripe_subscription_id,
        )
        if root is not None:
            await _settle(context, root, Cause("time", stripe_subscription_id))

    async def due(now: datetime) -> Sequence[str]:
        rows = await context.pool.fetch(
            """
            SELECT DISTINCT stripe_subscription_id FROM (
                SELECT stripe_subscription_id FROM licenses WHERE valid_until <= $1 ORDER BY valid_until LIMIT 100
            ) AS turned
            """,
            now,
        )
        return [row["stripe_subscription_id"] for row in rows]

    return [Job(TURNED, run, due)]
