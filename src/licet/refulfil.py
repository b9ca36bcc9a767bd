"""The catalogue learnt or changed a product: what waited for it is fulfilled, and its licenses are decided anew."""

from collections.abc import Sequence
from uuid import UUID

from licet.db.locks import lock
from licet.fulfilment import fulfil
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.touched import Touched, ids
from licet.licenses.settle import Settling
from licet.queue.jobs import Job

ENTRYPOINT = "catalog_changed"


async def refulfil_product(context: Context, product_id: UUID) -> int:
    """Settle every purchase of a product, each in a transaction of its own. Returns how many there were."""
    roots = await context.pool.fetch(
        """
        SELECT stripe_subscription_id AS id, stripe_customer_id, true AS recurring FROM subscriptions
        WHERE waits_for @> ARRAY[(SELECT stripe_product_id FROM products WHERE id = $1)]
           OR stripe_subscription_id IN (SELECT stripe_subscription_id FROM licenses WHERE product_id = $1)
        UNION ALL
        SELECT stripe_session_id, session.stripe_customer_id, false
        FROM orders JOIN checkout_sessions AS session USING (stripe_session_id)
        WHERE orders.waits_for @> ARRAY[(SELECT stripe_product_id FROM products WHERE id = $1)]
           OR stripe_session_id IN (SELECT stripe_session_id FROM licenses WHERE product_id = $1)
        """,
        product_id,
    )
    for root in roots:
        touched = Touched(subscriptions=ids(root["id"])) if root["recurring"] else Touched(sessions=ids(root["id"]))
        async with context.pool.acquire() as conn, conn.transaction():
            await lock(conn, ids(root["id"], root["stripe_customer_id"]))
            cause = Cause("catalog", str(product_id))
            await fulfil(conn, touched, Settling(context.keyring, cause, context.now()))
    return len(roots)


def jobs(context: Context) -> Sequence[Job]:
    """The job that a push of the catalogue enqueues."""

    async def run(key: str) -> None:
        await refulfil_product(context, UUID(key))

    return [Job(ENTRYPOINT, run)]
