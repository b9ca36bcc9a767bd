"""What a catalogue says, whatever it was written in, and what two of its laws are. Amounts are in minor units.

1. A price is known by its key within its product. When what it costs or how often changes, it is a new price at Stripe
   under the same key: nobody's running subscription is repriced.
2. A product is known by its key for ever; taken out of the file it is archived, and can come back.
"""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

ProductKind = Literal["plan", "license"]
Interval = Literal["day", "week", "month", "year"]

LOOKUP_KEY_PREFIX = "licet"
PRODUCT_METADATA_KEY = "licet_product"
"""In a Stripe product's metadata: the catalogue key of ours that it stands for."""
PRICE_METADATA_KEY = "licet_price"
"""In a Stripe price's metadata: its key within the product. Prices without it are not ours and are left alone."""


@dataclass(frozen=True)
class CatalogPrice:
    """interval: None is bought once; every `interval_count` of them otherwise. trial_days: 0 is no trial."""

    key: str
    amount: int
    currency: str
    interval: Interval | None = None
    interval_count: int | None = None
    trial_days: int = 0


@dataclass(frozen=True)
class CatalogProduct:
    """prices: the first is the default. license_policy: as stored (`licenses/core.py: Policy`); None issues no keys.

    grace_days: how long what was bought outlives a renewal that failed; whole days.
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
    """The products in the order in which they are shown."""

    products: tuple[CatalogProduct, ...]


@dataclass(frozen=True)
class Offer:
    """A price that can be bought: of the catalogue, active, of a product that is so too."""

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
    """The name by which a price is found at Stripe, whichever price it is by now."""
    return f"{LOOKUP_KEY_PREFIX}:{product_key}:{price_key}"


def same_terms(price: CatalogPrice, stripe_price: dict[str, Any]) -> bool:
    """Whether Stripe's price object costs the same, as often."""
    recurring = stripe_price["recurring"] or {}
    return (price.amount, price.currency, price.interval, price.interval_count) == (
        stripe_price["unit_amount"],
        stripe_price["currency"],
        recurring.get("interval"),
        recurring.get("interval_count"),
    )
