"""Makes rows of licenses, with their timelines."""

from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from tests.factories.catalog import Product
from tests.factories.orders import Order

from licet.http.context import Context
from licet.kit.ids import new_id
from licet.licenses.keys import key_hash, new_key

_units = count()


@dataclass(frozen=True)
class License:
    id: UUID
    key: str


async def make_license(
    context: Context,
    order: Order,
    product: Product,
    *,
    status: str = "active",
    valid_until: datetime | None = None,
    then_status: str | None = None,
    expires_at: datetime | None = None,
    activations_limit: int | None = 3,
    domains: tuple[str, ...] = (),
) -> License:
    """Makes a license of `product`: of the order's subscription if the product recurs, else of its line."""
    made = License(new_id(), new_key("SHOP"))
    recurring = product.interval is not None
    await context.pool.execute(
        """
        INSERT INTO licenses (id, account_id, product_id, order_id, stripe_session_id, line_position,
                              stripe_subscription_id, unit_group, unit, key_hash, key_encrypted, activations_limit,
                              status, reason, valid_until, then_status, expires_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'test', $14, $15, $16, $17)
        """,
        made.id,
        order.account_id,
        product.id,
        order.id,
        None if recurring else order.stripe_session_id,
        None if recurring else 0,
        order.stripe_subscription_id if recurring else None,
        str(product.id) if recurring else None,
        next(_units),
        key_hash(made.key),
        context.keyring.encrypt(made.key),
        activations_limit,
        status,
        valid_until,
        then_status,
        expires_at,
        context.now(),
    )
    for domain in domains:
        await context.pool.execute(
            "INSERT INTO activations (license_id, domain, activated_at) VALUES ($1, $2, $3)",
            made.id,
            domain,
            context.now(),
        )
    await add_change(
        context,
        made,
        order.account_id,
        change="issued",
        before=None,
        after=status,
        because={"kind": "stripe_event", "id": "evt_1"},
    )
    return made


async def add_change(
    context: Context,
    made: License,
    account_id: UUID,
    *,
    change: str,
    before: str | None,
    after: str | None,
    because: dict[str, Any],
) -> None:
    await context.pool.execute(
        """
        INSERT INTO license_timeline (id, license_id, account_id, at, change, from_value, to_value, because)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        new_id(),
        made.id,
        account_id,
        context.now(),
        change,
        before,
        after,
        because,
    )
