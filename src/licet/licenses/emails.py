"""Template data of the welcome email, read when it is sent or shown. No stored email holds a key."""

from typing import Any
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.errors import NotFound
from licet.licenses import view_store


async def gather_welcome(conn: Connection, keyring: Keyring, about: dict[str, Any]) -> dict[str, Any]:
    """Gather the data of the welcome email of one order. Raises NotFound for an unknown order.

    about: `{"orderId"}`. plans: the products bought without license keys.
    Returns `{name, order_id, licenses: [{product, key, status, activations_limit, expires_at, renews}],
    plans: [{name}]}`.
    """
    order_id = UUID(about["orderId"])
    order = await view_store.find_order_for_mail(conn, order_id)
    if order is None:
        raise NotFound(f"This email is about the order {order_id}, which no longer exists.")
    licenses = await view_store.list_licenses_for_mail(conn, order)
    plans = await view_store.list_plans_for_mail(conn, order)
    return {
        "name": order["name"],
        "order_id": str(order_id),
        "licenses": [_with_key(row, keyring) for row in licenses],
        "plans": [dict(row) for row in plans],
    }


def _with_key(license_row: asyncpg.Record, keyring: Keyring) -> dict[str, Any]:
    fields = dict(license_row)
    fields["key"] = keyring.decrypt(fields.pop("key_encrypted"))
    return fields
