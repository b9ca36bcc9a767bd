"""Billing periods by Stripe's calendar rules: 31 January, 28 February, 31 March."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any

_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}


def period_end(anchor: int, start: int, recurring: dict[str, Any]) -> int:
    """The first moment after `start` that is a whole number of intervals from the anchor.

    All are epoch seconds; `recurring` is a price's, with `interval` and `interval_count`. The day of the month is the
    anchor's, or the last day of a month that is shorter; the time of day is the anchor's, in UTC.
    """
    interval, count = recurring["interval"], recurring["interval_count"]
    if interval in _DAYS:
        step = timedelta(days=_DAYS[interval] * count).total_seconds()
        return anchor + int(step) * (int((start - anchor) // step) + 1)
    months = _MONTHS[interval] * count
    begin, at = datetime.fromtimestamp(anchor, UTC), datetime.fromtimestamp(start, UTC)
    steps = ((at.year - begin.year) * 12 + at.month - begin.month) // months
    moment = add_months(begin, steps * months)
    while moment <= at:
        steps += 1
        moment = add_months(begin, steps * months)
    return int(moment.timestamp())


def period_around(anchor: int, at: int, recurring: dict[str, Any]) -> tuple[int, int]:
    """Start and end (exclusive) of the period that contains `at`, in epoch seconds.

    Periods are counted from the anchor in both directions.
    """
    end = period_end(anchor, at, recurring)
    interval, count = recurring["interval"], recurring["interval_count"]
    if interval in _DAYS:
        return end - _DAYS[interval] * count * 24 * 3600, end
    months = _MONTHS[interval] * count
    begin, last = datetime.fromtimestamp(anchor, UTC), datetime.fromtimestamp(end, UTC)
    steps = ((last.year - begin.year) * 12 + last.month - begin.month) // months
    return int(add_months(begin, (steps - 1) * months).timestamp()), end


def add_months(moment: datetime, months: int) -> datetime:
    """The same day and time this many months later, or the last day of a month that is shorter."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
