"""A catalogue file becomes what Stripe sells and what our rows say.

1. Stripe gets what it lacks: products, prices. Nothing is taken away yet.
2. Our rows follow, in one transaction, with a job for each product that changed.
3. What is no longer sold is archived at Stripe.

A crash anywhere leaves what the next push finds and completes: at no moment do our rows offer what Stripe has archived.
Pushing what is already so writes nothing, at Stripe or here.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from licet.catalog import store
from licet.catalog.core import Catalog
from licet.catalog.stripe_side import PublishedProduct, archive, find_products, publish_product
from licet.db.locks import lock
from licet.db.pool import Pool
from licet.kit.cause import Cause
from licet.kit.times import wall_now
from licet.queue.refreshes import PRODUCT_CHANGED, Refresh, request
from licet.stripe_api.client import StripeApi

ONE_PUSH_AT_A_TIME = 0x11CE7CA7
"""The advisory lock of a push, held on a connection of its own from the first read to the last write."""


@dataclass(frozen=True)
class PushResult:
    """What a push did: what it made at Stripe, what it archived there, and the keys of products whose rows changed."""

    made: tuple[str, ...]
    archived: tuple[str, ...]
    changed: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """`{made, archived, changed, upToDate}`."""
        return {
            "made": list(self.made),
            "archived": list(self.archived),
            "changed": list(self.changed),
            "upToDate": not (self.made or self.archived or self.changed),
        }


async def push_catalog(catalog: Catalog, pool: Pool, stripe: StripeApi) -> PushResult:
    """Publish the catalogue. Raises what Stripe's door raises; repeating completes what was begun."""
    async with _alone(pool):
        known = await store.find_stripe_ids(pool)
        theirs = await find_products(stripe, known)
        published = {
            product.key: await publish_product(stripe, product, theirs.get(product.key), known.get(product.key))
            for product in catalog.products
        }
        gone = {key: product["id"] for key, product in theirs.items() if key not in published and product["active"]}
        changed = await _write_rows(pool, catalog, published)
        archived = await _archive(stripe, published, gone)
    made = tuple(line for product in published.values() for line in product.made)
    return PushResult(made, archived, changed)


async def _write_rows(pool: Pool, catalog: Catalog, published: dict[str, PublishedProduct]) -> tuple[str, ...]:
    changed: dict[str, str] = {}
    async with pool.acquire() as conn, conn.transaction():
        # Stripe is telling us of the same products and prices at this moment; their events take these locks as well.
        await lock(conn, {stripe_id for product in published.values() for stripe_id in product.stripe_ids})
        for position, product in enumerate(catalog.products):
            where = published[product.key]
            product_id, is_new = await store.write_product(conn, product, where.stripe_product_id, position)
            prices_changed = await store.write_prices(
                conn,
                product.key,
                where.stripe_product_id,
                list(zip(where.stripe_price_ids, product.prices, strict=True)),
            )
            if is_new or prices_changed:
                changed[product.key] = str(product_id)
        for product_id, key in await store.retire_products(conn, [product.key for product in catalog.products]):
            changed[key] = str(product_id)
        for key, changed_id in changed.items():
            await request(conn, Refresh(PRODUCT_CHANGED, changed_id), Cause("catalog", key), wall_now())
    return tuple(changed)


async def _archive(stripe: StripeApi, published: dict[str, PublishedProduct], gone: dict[str, str]) -> tuple[str, ...]:
    archived = []
    for key, product in published.items():
        for stripe_price_id in product.outdated_price_ids:
            await archive(stripe, "price", stripe_price_id)
            archived.append(f"price {key}: {stripe_price_id}")
    for key, stripe_product_id in gone.items():
        await archive(stripe, "product", stripe_product_id)
        archived.append(f"product {key}")
    return tuple(archived)


@asynccontextmanager
async def _alone(pool: Pool) -> AsyncIterator[None]:
    async with pool.acquire() as conn:
        await conn.execute("SELECT pg_advisory_lock($1)", ONE_PUSH_AT_A_TIME)
        try:
            yield
        finally:
            await conn.execute("SELECT pg_advisory_unlock($1)", ONE_PUSH_AT_A_TIME)
