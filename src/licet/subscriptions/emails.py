"""What letters about subscriptions say, read from their ids when they are sent or shown."""

from typing import Any

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.errors import NotFound
from licet.kit.statuses import ENDED
from licet.subscriptions.shown import get_subscription


async def gather_cancellation(conn: Connection, _: Keyring, about: dict[str, Any]) -> dict[str, Any]:
    """`{name, products, ended, at}`. about: `{"subscriptionId"}`.

    at: when it has ended, or will; None where the end was taken back since. Raises NotFound for an unknown one.
    """
    subscription = await get_subscription(conn, about["subscriptionId"], account_id=None)
    row = await conn.fetchrow(
        """
        SELECT account.name, subscription.ended_at
        FROM subscriptions AS subscription JOIN accounts AS account ON account.id = subscription.account_id
        WHERE stripe_subscription_id = $1
        """,
        subscription.id,
    )
    if row is None:
        raise NotFound(f"There is no subscription {subscription.id} to write about.")
    ended = subscription.status in ENDED
    return {
        "name": row["name"],
        "products": [item.product_name for item in subscription.items if item.product_name is not None],
        "ended": ended,
        "at": (row["ended_at"] or subscription.canceled_at) if ended else subscription.ends_at,
    }


async def gather_duplicate_plan(conn: Connection, _: Keyring, about: dict[str, Any]) -> dict[str, Any]:
    """`{name, account_id, plan, undone, kept}`, for an operator. about: `{"subscriptionId"}`, the one that was undone.

    Raises NotFound for one that was not.
    """
    row = await conn.fetchrow(
        """
        SELECT account.name, account.id AS account_id, second.stripe_subscription_id AS undone,
               second.kept_subscription_id AS kept,
               (SELECT string_agg(DISTINCT product.name, ', ')
                FROM subscription_items AS item JOIN products AS product USING (stripe_product_id)
                WHERE item.stripe_subscription_id = second.stripe_subscription_id AND product.kind = 'plan') AS plan
        FROM second_plans AS second
        JOIN subscriptions AS subscription USING (stripe_subscription_id)
        JOIN accounts AS account ON account.id = subscription.account_id
        WHERE second.stripe_subscription_id = $1
        """,
        about["subscriptionId"],
    )
    if row is None:
        raise NotFound(f"The subscription {about['subscriptionId']} was not undone.")
    return dict(row)
