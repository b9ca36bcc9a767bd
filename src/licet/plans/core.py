"""Which change of plans is up and which is down. Pure.

1. The catalogue's rank says it, never a comparison of prices.
2. For the same rank the longer interval is up, and so is another price of the same length: it takes effect at once.
3. The price that is had already is no change.

Source: contract, section 3.
"""

from dataclasses import dataclass
from typing import Literal

Change = Literal["subscribe", "upgrade", "downgrade", "same"]

_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
"""Enough to tell which of two intervals is longer."""


@dataclass(frozen=True)
class Rhythm:
    """How often something renews."""

    interval: str
    interval_count: int

    @property
    def days(self) -> int:
        """About how long it is."""
        return _DAYS[self.interval] * self.interval_count


@dataclass(frozen=True)
class Place:
    """A price's place among the plans."""

    stripe_price_id: str
    rank: int
    rhythm: Rhythm


def change_to(wanted: Place, current: Place | None) -> Change:
    """What choosing `wanted` is for who has `current` (None: nothing yet)."""
    if current is None:
        return "subscribe"
    if wanted.stripe_price_id == current.stripe_price_id:
        return "same"
    if wanted.rank != current.rank:
        return "upgrade" if wanted.rank > current.rank else "downgrade"
    return "downgrade" if wanted.rhythm.days < current.rhythm.days else "upgrade"
