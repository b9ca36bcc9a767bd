"""Compares the catalogue with Stripe and creates, updates and archives products and prices there.

Products and prices of the catalogue are found in lists by their metadata: Stripe's Search is delayed, and lookup keys
can be moved by hand.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from licet.catalog.core import (
    PRICE_METADATA_KEY,
    PRODUCT_METADATA_KEY,
    CatalogPrice,
    CatalogProduct,
    lookup_key,
    same_terms,
)
from licet.stripe_api.client import StripeApi
from licet.stripe_api.once import create_once


@dataclass(frozen=True)
class PublishedProduct:
    """A published product. stripe_price_ids: in the catalogue's order. outdated_price_ids: to archive."""

    stripe_product_id: str
    stripe_price_ids: tuple[str, ...]
    outdated_price_ids: tuple[str, ...]
    made: tuple[str, ...] = ()
    """What was created or updated: `product starter`, `price starter/month-usd`."""

    @property
    def stripe_ids(self) -> tuple[str, ...]:
        """All its Stripe ids."""
        return (self.stripe_product_id, *self.stripe_price_ids, *self.outdated_price_ids)


async def find_products(stripe: StripeApi, known: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return Stripe's products by catalogue key, including archived ones.

    known: the Stripe product ids in the database, by catalogue key. They take precedence over a copy with the same
    metadata.
    """
    products: dict[str, dict[str, Any]] = {}
    keys = {stripe_id: key for key, stripe_id in known.items()}
    async for product in stripe.list_all("product"):
        key = keys.get(product["id"]) or (product["metadata"] or {}).get(PRODUCT_METADATA_KEY)
        # Stripe lists the newest first: if none of several is in the database, the oldest wins.
        if key and (key not in products or products[key]["id"] not in keys):
            products[key] = product
    return products


async def publish_product(
    stripe: StripeApi, product: CatalogProduct, existing: dict[str, Any] | None, lost_id: str | None = None
) -> PublishedProduct:
    """Create or update a product and its prices at Stripe.

    existing: Stripe's product, if there is one. lost_id: else the id in the database, which Stripe no longer has.
    Outdated prices are returned, not archived: the database must stop offering them first.
    """
    made: list[str] = []
    fields = {"name": product.name, "description": product.description, "active": True}
    metadata = {PRODUCT_METADATA_KEY: product.key}
    if existing is None:
        params = {**fields, "metadata": metadata}
        existing = await create_once(
            stripe, "product", params, _key(f"product-{product.key}", {**params, "lost": lost_id})
        )
        made.append(f"product {product.key}")
    elif (existing["metadata"] or {}).get(PRODUCT_METADATA_KEY) != product.key or any(
        existing[name] != value for name, value in fields.items()
    ):
        params = {**fields, "description": product.description or ""}
        existing = await stripe.update("product", existing["id"], {**params, "metadata": metadata})
        made.append(f"product {product.key}")

    prices = [price async for price in stripe.list_all("price", product=existing["id"])]
    ids = []
    for price in product.prices:
        stripe_price_id, is_new = await _publish_price(stripe, product.key, price, existing["id"], prices)
        ids.append(stripe_price_id)
        if is_new:
            made.append(f"price {product.key}/{price.key}")
    outdated = [
        price["id"]
        for price in prices
        if price["active"] and PRICE_METADATA_KEY in (price["metadata"] or {}) and price["id"] not in ids
    ]
    return PublishedProduct(existing["id"], tuple(ids), tuple(outdated), tuple(made))


async def archive(stripe: StripeApi, kind: str, stripe_id: str) -> None:
    """Archive a product or price. Existing subscriptions to it continue."""
    await stripe.update(kind, stripe_id, {"active": False})


async def _publish_price(
    stripe: StripeApi, product_key: str, price: CatalogPrice, stripe_product_id: str, existing: list[dict[str, Any]]
) -> tuple[str, bool]:
    name = lookup_key(product_key, price.key)
    for candidate in existing:
        if candidate["active"] and candidate["lookup_key"] == name and same_terms(price, candidate):
            return candidate["id"], False
    params: dict[str, Any] = {
        "product": stripe_product_id,
        "unit_amount": price.amount,
        "currency": price.currency,
        "lookup_key": name,
        "transfer_lookup_key": True,
        "metadata": {PRICE_METADATA_KEY: price.key},
    }
    if price.interval is not None:
        params["recurring"] = {"interval": price.interval, "interval_count": price.interval_count}
    # The idempotency key contains the ids of earlier prices. Otherwise, going back to an old amount within a day would
    # replay the response that created the archived price.
    predecessors = [other["id"] for other in existing if (other["metadata"] or {}).get(PRICE_METADATA_KEY) == price.key]
    key = _key(f"price-{name}", {**params, "after": predecessors})
    created = await create_once(stripe, "price", params, key)
    return created["id"], True


def _key(what: str, params: dict[str, Any]) -> str:
    digest = blake2b(json.dumps(params, sort_keys=True).encode(), digest_size=12).hexdigest()
    return f"licet-{what}-{digest}"
