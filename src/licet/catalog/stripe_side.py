"""What of the catalogue Stripe has, what it lacks, and the calls that mend it. Reads tell; nothing is written twice.

Ours are found by the mark in their metadata, over lists: Stripe's Search lags, and lookup keys can be moved by hand.
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
    """A product of the catalogue as it stands at Stripe: its prices in the catalogue's order, and those to archive."""

    stripe_product_id: str
    stripe_price_ids: tuple[str, ...]
    outdated_price_ids: tuple[str, ...]
    made: tuple[str, ...] = ()
    """What had to be written, in words: `product starter`, `price starter/month-usd`."""

    @property
    def stripe_ids(self) -> tuple[str, ...]:
        """Every id of Stripe's in it."""
        return (self.stripe_product_id, *self.stripe_price_ids, *self.outdated_price_ids)


async def find_products(stripe: StripeApi, known: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Stripe's products by catalogue key, archived ones too.

    known: Stripe product ids by catalogue key, as our rows have them: they win over a copy that carries the same mark.
    """
    found: dict[str, dict[str, Any]] = {}
    ours = {stripe_id: key for key, stripe_id in known.items()}
    async for product in stripe.list_all("product"):
        key = ours.get(product["id"]) or (product["metadata"] or {}).get(PRODUCT_METADATA_KEY)
        # Newest first: without a row of ours the oldest of several stays.
        if key and (key not in found or found[key]["id"] not in ours):
            found[key] = product
    return found


async def publish_product(
    stripe: StripeApi, product: CatalogProduct, theirs: dict[str, Any] | None, lost_id: str | None = None
) -> PublishedProduct:
    """Bring Stripe's product and prices to what the catalogue says, and say where they stand.

    theirs: Stripe's product as it is, if there is one; lost_id: else the one that our row names and Stripe has no more.
    Prices that no longer hold are named, not yet archived: first our own rows must have stopped offering them.
    """
    made: list[str] = []
    wanted = {"name": product.name, "description": product.description, "active": True}
    mark = {PRODUCT_METADATA_KEY: product.key}
    if theirs is None:
        params = {**wanted, "metadata": mark}
        theirs = await create_once(
            stripe, "product", params, _key(f"product-{product.key}", {**params, "lost": lost_id})
        )
        made.append(f"product {product.key}")
    elif (theirs["metadata"] or {}).get(PRODUCT_METADATA_KEY) != product.key or any(
        theirs[name] != value for name, value in wanted.items()
    ):
        cleared = {**wanted, "description": product.description or ""}
        theirs = await stripe.update("product", theirs["id"], {**cleared, "metadata": mark})
        made.append(f"product {product.key}")

    prices = [price async for price in stripe.list_all("price", product=theirs["id"])]
    ids = []
    for price in product.prices:
        stripe_price_id, is_new = await _publish_price(stripe, product.key, price, theirs["id"], prices)
        ids.append(stripe_price_id)
        if is_new:
            made.append(f"price {product.key}/{price.key}")
    outdated = [
        price["id"]
        for price in prices
        if price["active"] and PRICE_METADATA_KEY in (price["metadata"] or {}) and price["id"] not in ids
    ]
    return PublishedProduct(theirs["id"], tuple(ids), tuple(outdated), tuple(made))


async def archive(stripe: StripeApi, kind: str, stripe_id: str) -> None:
    """Take a product or price off sale. What was bought with it goes on."""
    await stripe.update(kind, stripe_id, {"active": False})


async def _publish_price(
    stripe: StripeApi, product_key: str, price: CatalogPrice, stripe_product_id: str, theirs: list[dict[str, Any]]
) -> tuple[str, bool]:
    name = lookup_key(product_key, price.key)
    for candidate in theirs:
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
    # Its forerunners are part of the key: going back to an old amount within a day must make a new price, and not
    # replay the answer that named an archived one.
    forerunners = [one["id"] for one in theirs if (one["metadata"] or {}).get(PRICE_METADATA_KEY) == price.key]
    key = _key(f"price-{name}", {**params, "after": forerunners})
    created = await create_once(stripe, "price", params, key)
    return created["id"], True


def _key(what: str, params: dict[str, Any]) -> str:
    digest = blake2b(json.dumps(params, sort_keys=True).encode(), digest_size=12).hexdigest()
    return f"licet-{what}-{digest}"
