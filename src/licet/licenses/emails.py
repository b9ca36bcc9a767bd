"""What the welcome letter says: read by the order's id when sent or shown, so that no stored mail holds a key."""

from typing import Any
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.errors import NotFound


async def gather_welcome(conn: Connection, keyring: Keyring, about: dict[str, Any]) -> dict[str, Any]:
    """`{name, order_id, licenses: [{product, key, status, activations_limit, expires_at, renews}], plans: [{name}]}`.

    about: `{"orderId"}`. Plans are what was bought without keys. Raises NotFound for an unknown order.
    """
    order_id = UUID(about["orderId"])
    order = await conn.fetchrow(
        """
        SELECT orders.stripe_session_id, session.stripe_subscription_id, account.name
        FROM orders JOIN checkout_sessions AS session USING (stripe_session_id)
        JOIN accounts AS account ON account.id = orders.account_id
        WHERE orders.id = $1
        """,
        order_id,
    )
    if order is None:
        raise NotFound(f"There is no order {order_id} to write about.")
    licenses = await conn.fetch(
        """
        SELECT product.name AS product, license.key_encrypted, license.status, license.activations_limit,
               license.expires_at, license.stripe_subscription_id IS NOT NULL AS renews
        FROM licenses AS license JOIN products AS product ON product.id = license.product_id
        WHERE license.wanted AND (license.stripe_session_id = $1 OR license.stripe_subscription_id = $2)
        ORDER BY product.name, license.unit, license.id
        """,
        order["stripe_session_id"],
        order["stripe_subscription_id"],
    )
    plans = await conn.fetch(
        """
        SELECT product.name FROM checkout_lines AS line JOIN products AS product USING (stripe_product_id)
        WHERE line.stripe_session_id = $1 AND product.license_policy IS NULL ORDER BY line.position
        """,
        order["stripe_session_id"],
    )
    return {
        "name": order["name"],
        "order_id": str(order_id),
        "licenses": [_shown(row, keyring) for row in licenses],
        "plans": [dict(row) for row in plans],
    }


def _shown(license_row: asyncpg.Record, keyring: Keyring) -> dict[str, Any]:
    shown = dict(license_row)
    shown["key"] = keyring.decrypt(shown.pop("key_encrypted"))
    return shown
