"""Makes rows of products in the catalogue, each with a price."""

from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID

from licet.http.context import Context
from licet.kit.ids import new_id

_numbers = count(1)

POLICY = {"prefix": "SHOP", "activations": 3, "graceDays": 3}


@dataclass(frozen=True)
class Product:
    id: UUID
    name: str
    stripe_product_id: str
    stripe_price_id: str
    unit_amount: int
    interval: str | None


async def make_product(
    context: Context,
    *,
    kind: str = "license",
    features: tuple[str, ...] = ("Updates",),
    policy: dict[str, Any] | None = POLICY,
    unit_amount: int = 14900,
    interval: str | None = "month",
) -> Product:
    n = next(_numbers)
    product = Product(new_id(), f"Product {n}", f"prod_{n}", f"price_{n}", unit_amount, interval)
    await context.pool.execute(
        """
        INSERT INTO products (id, catalog_key, stripe_product_id, kind, name, active, features, license_policy)
        VALUES ($1, $2, $3, $4, $5, true, $6, $7)
        """,
        product.id,
        f"product-{n}",
        product.stripe_product_id,
        kind,
        product.name,
        list(features),
        policy,
    )
    await context.pool.execute(
        """
        INSERT INTO prices (stripe_price_id, stripe_product_id, active, currency, unit_amount, interval, interval_count,
                            position)
        VALUES ($1, $2, true, 'usd', $3, $4, $5, 0)
        """,
        product.stripe_price_id,
        product.stripe_product_id,
        unit_amount,
        interval,
        1 if interval else None,
    )
    return product
