"""Writes the catalogue's fields of products and prices (`mirror.py` writes Stripe's); reads offers."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from licet.catalog.core import CatalogPrice, CatalogProduct, Offer, lookup_key
from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.kit.ids import new_id
from licet.kit.pages import Page

_PUSH_LOCK_KEY = 0x11CE7CA7


@asynccontextmanager
async def push_lock(pool: Pool) -> AsyncIterator[None]:
    """Hold the advisory lock of a push, on its own connection, so that pushes run one at a time."""
    async with pool.acquire() as conn:
        await conn.execute("SELECT pg_advisory_lock($1)", _PUSH_LOCK_KEY)
        try:
            yield
        finally:
            await conn.execute("SELECT pg_advisory_unlock($1)", _PUSH_LOCK_KEY)


async def find_stripe_ids(conn: Connection | Pool) -> dict[str, str]:
    """The Stripe product ids by catalogue key."""
    rows = await conn.fetch(
        "SELECT catalog_key, stripe_product_id FROM products "
        "WHERE catalog_key IS NOT NULL AND stripe_product_id IS NOT NULL"
    )
    return {row["catalog_key"]: row["stripe_product_id"] for row in rows}


async def write_product(
    conn: Connection, product: CatalogProduct, stripe_product_id: str, position: int
) -> tuple[UUID, bool]:
    """Insert or update a product. Returns its id and whether its row changed.

    A row that a Stripe event created is reused. If the key belonged to another Stripe product, which Stripe no longer
    has, that row keeps its licenses and loses the key.
    """
    await conn.execute(
        """
        UPDATE products SET catalog_key = NULL, kind = NULL, active = false
        WHERE catalog_key = $1 AND stripe_product_id IS DISTINCT FROM $2
        """,
        product.key,
        stripe_product_id,
    )
    written = await conn.fetchval(
        """
        INSERT INTO products AS held (id, catalog_key, stripe_product_id, kind, name, description, active, rank,
                                      product_group, features, license_policy, position, grace_days)
        VALUES ($1, $2, $3, $4, $5, $6, true, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (stripe_product_id) DO UPDATE SET
            catalog_key = excluded.catalog_key, kind = excluded.kind, name = excluded.name,
            description = excluded.description, active = true, rank = excluded.rank,
            product_group = excluded.product_group, features = excluded.features,
            license_policy = excluded.license_policy, position = excluded.position, grace_days = excluded.grace_days
        WHERE (held.catalog_key, held.kind, held.name, held.description, held.active, held.rank, held.product_group,
               held.features, held.license_policy, held.position, held.grace_days)
           IS DISTINCT FROM
              (excluded.catalog_key, excluded.kind, excluded.name, excluded.description, true, excluded.rank,
               excluded.product_group, excluded.features, excluded.license_policy, excluded.position,
               excluded.grace_days)
        RETURNING id
        """,
        new_id(),
        product.key,
        stripe_product_id,
        product.kind,
        product.name,
        product.description,
        product.rank,
        product.group,
        list(product.features),
        product.license_policy,
        position,
        product.grace_days,
    )
    if written is not None:
        return written, True
    return await conn.fetchval("SELECT id FROM products WHERE stripe_product_id = $1", stripe_product_id), False


async def write_prices(
    conn: Connection, product_key: str, stripe_product_id: str, prices: Sequence[tuple[str, CatalogPrice]]
) -> bool:
    """Insert or update a product's prices and deactivate all others. Returns whether anything changed.

    prices: (Stripe price id, price) in the catalogue's order.
    """
    changed = []
    for position, (stripe_price_id, price) in enumerate(prices):
        changed.append(
            await conn.fetchval(
                """
                INSERT INTO prices AS held (stripe_price_id, stripe_product_id, active, currency, unit_amount, interval,
                                            interval_count, trial_days, position, lookup_key)
                VALUES ($1, $2, true, $3, $4, $5, $6, $7, $8, $9)
                ON CONFLICT (stripe_price_id) DO UPDATE SET
                    active = true, trial_days = excluded.trial_days, position = excluded.position
                WHERE (held.active, held.trial_days, held.position)
                   IS DISTINCT FROM (true, excluded.trial_days, excluded.position)
                RETURNING stripe_price_id
                """,
                stripe_price_id,
                stripe_product_id,
                price.currency,
                price.amount,
                price.interval,
                price.interval_count,
                price.trial_days,
                position,
                lookup_key(product_key, price.key),
            )
        )
    deactivated = await conn.fetch(
        """
        UPDATE prices SET active = false, position = NULL
        WHERE stripe_product_id = $1 AND position IS NOT NULL AND stripe_price_id <> ALL ($2)
        RETURNING stripe_price_id
        """,
        stripe_product_id,
        [stripe_price_id for stripe_price_id, _ in prices],
    )
    return bool(deactivated) or any(changed)


async def retire_products(conn: Connection, kept_keys: Sequence[str]) -> list[tuple[UUID, str]]:
    """Deactivate products that the file no longer contains. Returns (id, catalogue key) of each."""
    rows = await conn.fetch(
        """
        UPDATE products SET active = false
        WHERE catalog_key IS NOT NULL AND active AND catalog_key <> ALL ($1)
        RETURNING id, catalog_key
        """,
        list(kept_keys),
    )
    return [(row["id"], row["catalog_key"]) for row in rows]


async def find_offers(conn: Connection | Pool, product_ids: Sequence[UUID]) -> list[Offer]:
    """The offers of these products, each product's default price first."""
    rows = await conn.fetch(
        """
        SELECT product.id AS product_id, product.name AS product_name, product.kind, product.stripe_product_id,
               price.stripe_price_id, price.unit_amount, price.currency, price.interval, price.interval_count,
               price.trial_days
        FROM products AS product JOIN prices AS price USING (stripe_product_id)
        WHERE product.id = ANY ($1) AND product.catalog_key IS NOT NULL AND product.active
          AND price.active AND price.position IS NOT NULL AND price.unit_amount IS NOT NULL
        ORDER BY product.id, price.position
        """,
        list(product_ids),
    )
    return [Offer(**row) for row in rows]


async def list_on_sale(conn: Connection | Pool, page: Page) -> tuple[list[dict[str, Any]], int]:
    """A page of products on sale with their prices, in the catalogue's order, and the total count."""
    rows = await conn.fetch(
        """
        SELECT product.id, product.name, product.description, product.features, count(*) OVER () AS total,
               jsonb_agg(jsonb_build_object(
                   'id', price.stripe_price_id, 'amount', price.unit_amount, 'currency', price.currency,
                   'interval', price.interval, 'intervalCount', price.interval_count, 'trialDays', price.trial_days
               ) ORDER BY price.position) AS prices
        FROM products AS product JOIN prices AS price USING (stripe_product_id)
        WHERE product.catalog_key IS NOT NULL AND product.active
          AND price.active AND price.position IS NOT NULL AND price.unit_amount IS NOT NULL
        GROUP BY product.id
        ORDER BY product.position, product.id
        LIMIT $1 OFFSET $2
        """,
        page.limit,
        page.offset,
    )
    if rows:
        return [dict(row) for row in rows], rows[0]["total"]
    total = await conn.fetchval(
        """
        SELECT count(DISTINCT product.id) FROM products AS product JOIN prices AS price USING (stripe_product_id)
        WHERE product.catalog_key IS NOT NULL AND product.active
          AND price.active AND price.position IS NOT NULL AND price.unit_amount IS NOT NULL
        """
    )
    return [], total
