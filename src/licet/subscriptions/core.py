"""Rules about a subscription: which period counts, and whether it is scheduled to cancel. Pure.

1. The current period is that of the item whose period ends first: after it, not every item is paid for.
2. A cancellation may be scheduled for the period's end or for another time (Stripe's portal sets a time). Both count.

Source: contract, section 2; Stripe's documentation, "Compare classic and flexible billing mode".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from licet.kit.statuses import ENDED

SubscriptionStatus = Literal[
    "trialing", "active", "past_due", "unpaid", "paused", "incomplete", "incomplete_expired", "canceled"
]
"""Stripe's statuses. A status that Stripe adds later is returned as it is."""

NOT_ENDED = tuple(status for status in get_args(SubscriptionStatus) if status not in ENDED)


@dataclass(frozen=True)
class Period:
    """A billing period. Aware UTC, the end exclusive."""

    start_at: datetime
    end_at: datetime


def current_period(items: Sequence[Period]) -> Period | None:
    """The period that ends first; None if there are no items."""
    return min(items, key=lambda period: (period.end_at, period.start_at), default=None)


def is_scheduled_to_cancel(status: str, *, cancel_at_period_end: bool, cancel_at: datetime | None) -> bool:
    """True if the subscription has not ended and a cancellation is scheduled."""
    return status not in ENDED and (cancel_at_period_end or cancel_at is not None)
