"""Rules that tell an upgrade from a downgrade. Pure.

1. The catalogue's rank decides, never a comparison of prices.
2. Among prices of the same rank, a shorter billing interval is a downgrade. Any other price, also one with the same
   interval, is an upgrade, so the change takes effect immediately.
3. The current price is no change.

Source: contract, section 3.
"""

from dataclasses import dataclass
from typing import Literal

Change = Literal["subscribe", "upgrade", "downgrade", "same"]

_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
"""Precise enough to tell which of two intervals is longer."""


@dataclass(frozen=True)
class BillingInterval:
    """How often a price renews: every `interval_count` of Stripe's `interval`."""

    interval: str
    interval_count: int

    @property
    def days(self) -> int:
        """The approximate length."""
        return _DAYS[self.interval] * self.interval_count


@dataclass(frozen=True)
class Place:
    """A price's place among the plans: the plan's rank, and how often the price renews."""

    stripe_price_id: str
    rank: int
    billing: BillingInterval


def change_to(wanted: Place, current: Place | None) -> Change:
    """The change from `current` (None: no plan yet) to `wanted`."""
    if current is None:
        return "subscribe"
    if wanted.stripe_price_id == current.stripe_price_id:
        return "same"
    if wanted.rank != current.rank:
        return "upgrade" if wanted.rank > current.rank else "downgrade"
    return "downgrade" if wanted.billing.days < current.billing.days else "upgrade"
