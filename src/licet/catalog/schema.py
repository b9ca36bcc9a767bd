"""The schema of a catalogue file (docs/catalogue.md explains each field)."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from licet.catalog.core import Catalog, CatalogPrice, CatalogProduct, Interval, ProductKind

Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([-_.][a-z0-9]+)*$", max_length=60)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=250, pattern=r"^\S(.*\S)?$")]
_Effect = Literal["revoke", "suspend", "nothing"]

DEFAULT: Any = None
"""Marks a field that the file may leave out. It is not stored then: `licenses/policy.py: Policy` has its default."""

MAX_INTERVAL_DAYS = {"day": 1, "week": 7, "month": 31, "year": 366}
THREE_YEARS_DAYS = 3 * 366
"""Stripe's longest billing interval."""


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, hide_input_in_errors=True
    )


class PricePart(_Part):
    """A price. amount: in the currency's minor unit; `catalog/amounts.py` checks it against the currency."""

    key: Key | None = None
    amount: int = Field(ge=0)
    currency: Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")]
    interval: Interval | None = None
    interval_count: int = Field(default=1, ge=1)
    trial_days: int = Field(default=0, ge=0, le=730)

    @model_validator(mode="after")
    def _recurs_or_not(self) -> Self:
        if self.interval is None:
            if self.interval_count != 1 or self.trial_days:
                raise ValueError("intervalCount and trialDays need an interval; without one the price is paid once")
        elif MAX_INTERVAL_DAYS[self.interval] * self.interval_count > THREE_YEARS_DAYS:
            raise ValueError("Stripe's longest interval is three years: lower intervalCount")
        return self

    def as_price(self) -> CatalogPrice:
        """Convert to a price. Its default key is made of interval and currency: `month-usd`."""
        if self.interval is None:
            return CatalogPrice(self.key or f"once-{self.currency}", self.amount, self.currency)
        interval = self.interval if self.interval_count == 1 else f"{self.interval_count}-{self.interval}"
        return CatalogPrice(
            self.key or f"{interval}-{self.currency}",
            self.amount,
            self.currency,
            self.interval,
            self.interval_count,
            self.trial_days,
        )


class LicensePart(_Part):
    """The license policy: the license keys, and the effects of refunds, disputes and failed renewals."""

    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{1,11}$")]
    activations: Annotated[int, Field(ge=1)] | None
    units: Literal["each", "one"] = DEFAULT
    refund_full: _Effect = DEFAULT
    refund_partial: _Effect = DEFAULT
    dispute_open: _Effect = DEFAULT
    dispute_won: _Effect = DEFAULT
    dispute_lost: _Effect = DEFAULT
    unpaid: _Effect = DEFAULT
    paused: _Effect = DEFAULT
    ended: _Effect = DEFAULT


class ProductPart(_Part):
    """A product."""

    key: Key
    kind: ProductKind
    name: Line
    description: Annotated[str, StringConstraints(min_length=1, max_length=5000)] | None = None
    rank: int = Field(default=0, ge=-1_000_000, le=1_000_000)
    group: Key | None = None
    features: list[Line] = Field(default_factory=list, max_length=100)
    grace_days: int = Field(default=0, ge=0, le=366)
    prices: list[PricePart] = Field(min_length=1, max_length=50)
    license: LicensePart | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "license" and self.license is None:
            raise ValueError("kind license needs a `license` section with at least prefix and activations")
        if self.kind == "plan" and any(price.interval is None for price in self.prices):
            raise ValueError("every price of a plan needs an interval")
        if self.grace_days and all(price.interval is None for price in self.prices):
            raise ValueError("graceDays needs a price with an interval; no price of this product renews")
        return self

    def as_product(self) -> CatalogProduct:
        """Convert to a product. grace_days is also part of its license policy, if it has one."""
        policy: dict[str, Any] | None = None
        if self.license is not None:
            policy = {**self.license.model_dump(by_alias=True, exclude_unset=True), "graceDays": self.grace_days}
        return CatalogProduct(
            key=self.key,
            kind=self.kind,
            name=self.name,
            description=self.description,
            rank=self.rank,
            group=self.group,
            features=tuple(self.features),
            prices=tuple(price.as_price() for price in self.prices),
            license_policy=policy,
            grace_days=self.grace_days,
        )


class CatalogPart(_Part):
    """A whole catalogue file."""

    products: list[ProductPart] = Field(min_length=1, max_length=1000)

    def as_catalog(self) -> Catalog:
        """Convert to a catalogue."""
        return Catalog(tuple(product.as_product() for product in self.products))
