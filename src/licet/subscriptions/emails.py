"""Template data of emails about subscriptions, read when the email is sent or shown."""

from typing import Any

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.errors import NotFound
from licet.kit.statuses import ENDED
from licet.subscriptions.store import find_ended, get_subscription
from licet.subscriptions.undo_duplicate_store import find_for_email


async def gather_cancellation(conn: Connection, _: Keyring, about: dict[str, Any]) -> dict[str, Any]:
    """Return `{name, products, ended, at}`. about: `{"subscriptionId"}`.

    at: when the subscription ended, or will end; None if it was resumed since. Raises NotFound if it is unknown.
    """
    subscription = await get_subscription(conn, about["subscriptionId"], account_id=None)
    row = await find_ended(conn, subscription.id)
    if row is None:
        raise NotFound(f"This email is about the subscription {subscription.id}, which no longer exists.")
    ended = subscription.status in ENDED
    return {
        "name": row["name"],
        "products": [item.product_name for item in subscription.items if item.product_name is not None],
        "ended": ended,
        "at": (row["ended_at"] or subscription.canceled_at) if ended else subscription.ends_at,
    }


async def gather_duplicate_plan(conn: Connection, _: Keyring, about: dict[str, Any]) -> dict[str, Any]:
    """Return what `find_for_email` returns, for an operator. Amounts in minor units.

    about: `{"subscriptionId"}` of the duplicate. Raises NotFound if that subscription was not undone.
    """
    row = await find_for_email(conn, about["subscriptionId"])
    if row is None:
        raise NotFound(f"The subscription {about['subscriptionId']} was not undone.")
    return dict(row)
