"""Publishes a catalogue to Stripe and to the database.

1. Create missing products and prices at Stripe. Nothing is archived yet.
2. Write the rows, in one transaction, with a job for each product that changed.
3. Archive at Stripe what is no longer sold.

If a push stops in the middle, the next one completes it. In this order, no row ever offers a price that is archived at
Stripe. Pushing an unchanged catalogue writes nothing, at Stripe or in the database.
"""

from dataclasses import dataclass
from typing import Any

from licet.catalog import store
from licet.catalog.core import Catalog
from licet.catalog.stripe_side import PublishedProduct, archive, find_products, publish_product
from licet.db.locks import lock
from licet.db.pool import Pool
from licet.kit.cause import Cause
from licet.kit.times import wall_now
from licet.queue.refresh_store import PRODUCT_CHANGED, Refresh, request
from licet.stripe_api.client import StripeApi


@dataclass(frozen=True)
class PushResult:
    """The result of a push: created and archived at Stripe, and the keys of changed products."""

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
    """Publish a catalogue. Raises StripeRefused, StripeUnavailable; repeat it to complete it."""
    async with store.push_lock(pool):
        stripe_ids = await store.find_stripe_ids(pool)
        existing = await find_products(stripe, stripe_ids)
        published = {
            product.key: await publish_product(stripe, product, existing.get(product.key), stripe_ids.get(product.key))
            for product in catalog.products
        }
        removed = {
            key: product["id"] for key, product in existing.items() if key not in published and product["active"]
        }
        changed = await _write_rows(pool, catalog, published)
        archived = await _archive(stripe, published, removed)
    made = tuple(line for product in published.values() for line in product.made)
    return PushResult(made, archived, changed)


async def _write_rows(pool: Pool, catalog: Catalog, published: dict[str, PublishedProduct]) -> tuple[str, ...]:
    changed: dict[str, str] = {}
    async with pool.acquire() as conn, conn.transaction():
        # Stripe sends events for the same products and prices now. They take these locks too.
        await lock(conn, {stripe_id for product in published.values() for stripe_id in product.stripe_ids})
        for position, product in enumerate(catalog.products):
            at_stripe = published[product.key]
            product_id, is_new = await store.write_product(conn, product, at_stripe.stripe_product_id, position)
            prices_changed = await store.write_prices(
                conn,
                product.key,
                at_stripe.stripe_product_id,
                list(zip(at_stripe.stripe_price_ids, product.prices, strict=True)),
            )
            if is_new or prices_changed:
                changed[product.key] = str(product_id)
        for product_id, key in await store.retire_products(conn, [product.key for product in catalog.products]):
            changed[key] = str(product_id)
        for key, changed_id in changed.items():
            await request(conn, Refresh(PRODUCT_CHANGED, changed_id), Cause("catalog", key), wall_now())
    return tuple(changed)


async def _archive(
    stripe: StripeApi, published: dict[str, PublishedProduct], removed: dict[str, str]
) -> tuple[str, ...]:
    archived = []
    for key, product in published.items():
        for stripe_price_id in product.outdated_price_ids:
            await archive(stripe, "price", stripe_price_id)
            archived.append(f"price {key}: {stripe_price_id}")
    for key, stripe_product_id in removed.items():
        await archive(stripe, "product", stripe_product_id)
        archived.append(f"product {key}")
    return tuple(archived)
