"""The records of a catalogue, independent of the file format. Amounts are in minor units.

1. A price is identified by its key within its product. If its amount, currency or interval changes, a new Stripe price
   is created under the same key. Running subscriptions keep their price.
2. A product is identified by its key, permanently. A product that is removed from the file is archived and can be
   restored.
"""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

ProductKind = Literal["plan", "license"]
Interval = Literal["day", "week", "month", "year"]

LOOKUP_KEY_PREFIX = "licet"
PRODUCT_METADATA_KEY = "licet_product"
"""Key in a Stripe product's metadata. Its value is the product's catalogue key."""

PRICE_METADATA_KEY = "licet_price"
"""Key in a Stripe price's metadata. Its value is the price's key. Prices without it are never changed."""


@dataclass(frozen=True)
class CatalogPrice:
    """A price that renews every `interval_count` intervals.

    interval None: one-time. trial_days 0: no trial.
    """

    key: str
    amount: int
    currency: str
    interval: Interval | None = None
    interval_count: int | None = None
    trial_days: int = 0


@dataclass(frozen=True)
class CatalogProduct:
    """A product. prices: the first is the default.

    license_policy: as stored (`licenses/policy.py: Policy`); None: no license keys are issued.
    grace_days: whole days that licenses and plans stay valid after a failed renewal.
    """

    key: str
    kind: ProductKind
    name: str
    description: str | None
    rank: int
    group: str | None
    features: tuple[str, ...]
    prices: tuple[CatalogPrice, ...]
    license_policy: dict[str, Any] | None
    grace_days: int = 0


@dataclass(frozen=True)
class Catalog:
    """A catalogue. products: in display order."""

    products: tuple[CatalogProduct, ...]


@dataclass(frozen=True)
class Offer:
    """A price that can be bought: it and its product are active and in the catalogue."""

    product_id: UUID
    product_name: str
    kind: str
    stripe_product_id: str
    stripe_price_id: str
    unit_amount: int
    currency: str
    interval: str | None
    interval_count: int | None
    trial_days: int


def lookup_key(product_key: str, price_key: str) -> str:
    """Return the lookup key of a price at Stripe. It moves to the new price when terms change."""
    return f"{LOOKUP_KEY_PREFIX}:{product_key}:{price_key}"


def same_terms(price: CatalogPrice, stripe_price: dict[str, Any]) -> bool:
    """Whether a Stripe price has the same amount, currency and interval."""
    recurring = stripe_price["recurring"] or {}
    return (price.amount, price.currency, price.interval, price.interval_count) == (
        stripe_price["unit_amount"],
        stripe_price["currency"],
        recurring.get("interval"),
        recurring.get("interval_count"),
    )
