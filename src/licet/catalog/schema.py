"""The shape of a catalogue file, field by field (docs/catalogue.md says it in prose)."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from licet.catalog.core import Catalog, CatalogPrice, CatalogProduct, Interval, ProductKind

Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([-_.][a-z0-9]+)*$", max_length=60)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=250, pattern=r"^\S(.*\S)?$")]
Effect = Literal["revoke", "suspend", "nothing"]

MAX_INTERVAL_DAYS = {"day": 1, "week": 7, "month": 31, "year": 366}
THREE_YEARS_DAYS = 3 * 366
"""Stripe renews at least every three years."""


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, hide_input_in_errors=True
    )


class PricePart(_Part):
    """What it costs, in the currency's minor unit, and how often."""

    key: Key | None = None
    amount: int = Field(ge=0, le=99_999_999)
    currency: Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")]
    interval: Interval | None = None
    interval_count: int = Field(default=1, ge=1)
    trial_days: int = Field(default=0, ge=0, le=730)

    @model_validator(mode="after")
    def _recurs_or_not(self) -> Self:
        if self.interval is None:
            if self.interval_count != 1 or self.trial_days:
                raise ValueError("intervalCount and trialDays need an interval: without one the price is paid once")
        elif MAX_INTERVAL_DAYS[self.interval] * self.interval_count > THREE_YEARS_DAYS:
            raise ValueError("Stripe renews at least every three years: lower intervalCount")
        return self

    def as_price(self) -> CatalogPrice:
        """The price, with the key that it has or is given: how often and in what, such as `month-usd`."""
        if self.interval is None:
            return CatalogPrice(self.key or f"once-{self.currency}", self.amount, self.currency)
        often = self.interval if self.interval_count == 1 else f"{self.interval_count}-{self.interval}"
        return CatalogPrice(
            self.key or f"{often}-{self.currency}",
            self.amount,
            self.currency,
            self.interval,
            self.interval_count,
            self.trial_days,
        )


class LicensePart(_Part):
    """What its license keys are and what befalls them; the defaults are those of the contract, section 4."""

    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{1,11}$")]
    activations: Annotated[int, Field(ge=1)] | None
    units: Literal["each", "one"] = "each"
    refund_full: Effect = "revoke"
    refund_partial: Effect = "nothing"
    dispute_open: Effect = "suspend"
    dispute_won: Effect = "nothing"
    dispute_lost: Effect = "revoke"
    unpaid: Effect = "suspend"
    paused: Effect = "suspend"
    ended: Effect = "revoke"


class ProductPart(_Part):
    """One thing that can be bought."""

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
            raise ValueError("kind license needs a license section: prefix and activations at least")
        if self.kind == "plan" and any(price.interval is None for price in self.prices):
            raise ValueError("a plan is subscribed to: each of its prices needs an interval")
        if self.grace_days and all(price.interval is None for price in self.prices):
            raise ValueError("graceDays is for renewals that fail, and no price of this product renews")
        return self

    def as_product(self) -> CatalogProduct:
        """The product. The days of grace belong to its license policy, where it has one."""
        policy: dict[str, Any] | None = None
        if self.license is not None:
            policy = {**self.license.model_dump(by_alias=True), "graceDays": self.grace_days}
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
    """The whole file."""

    products: list[ProductPart] = Field(min_length=1, max_length=1000)

    def as_catalog(self) -> Catalog:
        """The catalogue that it describes."""
        return Catalog(tuple(product.as_product() for product in self.products))
