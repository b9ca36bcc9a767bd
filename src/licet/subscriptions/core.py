"""What a subscription reads as: which period counts, whether it has a scheduled end. Pure.

1. `currentPeriodEnd` is that of the item that ends first: no later one is paid for as a whole.
2. Any scheduled end counts, however it was scheduled: at the period's end, or at a time of its own (Stripe's own portal
   sets a time).

Source: contract, section 2; Stripe's documentation, "Compare classic and flexible billing mode".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from licet.kit.statuses import ENDED

Status = Literal["trialing", "active", "past_due", "unpaid", "paused", "incomplete", "incomplete_expired", "canceled"]
"""Stripe's. A new one that Stripe comes up with is shown as it comes."""

NOT_ENDED = tuple(status for status in get_args(Status) if status not in ENDED)


@dataclass(frozen=True)
class Period:
    """What is being paid for now. Aware UTC, the end exclusive."""

    start_at: datetime
    end_at: datetime


def current_period(items: Sequence[Period]) -> Period | None:
    """The period of the item that ends first; None of no items."""
    return min(items, key=lambda period: (period.end_at, period.start_at), default=None)


def ends_by_itself(status: str, *, cancel_at_period_end: bool, cancel_at: datetime | None) -> bool:
    """Whether it has an end to come that somebody scheduled."""
    return status not in ENDED and (cancel_at_period_end or cancel_at is not None)
