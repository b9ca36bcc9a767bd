"""Paid periods: which invoice is the newest period, and until when an item is paid for.

A story is the invoices of one subscription with the items `plan` and `beside`, in days from its start.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from licet.licenses.core import Refunded
from licet.licenses.paid_periods import PaidInvoice, PeriodLine, Periods

BEGINNING = datetime(2026, 6, 1, tzinfo=UTC)
NEVER = 10_000
PRICE = 100


def day(number: int) -> datetime:
    return BEGINNING + timedelta(days=number)


def whole(starts: int, ends: int, item: str = "plan") -> PeriodLine:
    return PeriodLine(item, day(starts), day(ends), amount=PRICE)


def charge(starts: int, ends: int, item: str = "plan", amount: int = PRICE) -> PeriodLine:
    return PeriodLine(item, day(starts), day(ends), proration=True, amount=amount)


def credit(starts: int, ends: int, item: str = "plan") -> PeriodLine:
    return PeriodLine(item, day(starts), day(ends), proration=True, amount=-PRICE)


def create(*lines: PeriodLine, back: int = 0) -> PaidInvoice:
    return PaidInvoice("in", "subscription_create", PRICE, back, lines)


def cycle(*lines: PeriodLine, back: int = 0) -> PaidInvoice:
    return PaidInvoice("in", "subscription_cycle", PRICE, back, lines)


def update(*lines: PeriodLine, back: int = 0) -> PaidInvoice:
    return PaidInvoice("in", "subscription_update", PRICE, back, lines)


def manual(*lines: PeriodLine, back: int = 0) -> PaidInvoice:
    return PaidInvoice("in", "manual", PRICE, back, lines)


MONTH = create(whole(0, 30))
BOTH = create(whole(0, 30), whole(0, 30, "beside"))
TO_A_YEAR = update(credit(10, 30), charge(10, 365))
WITHIN = update(credit(10, 30), charge(10, 30))


class Story(NamedTuple):
    """Invoices, oldest first, and the expected result; `paid` in days, None: nothing was paid."""

    invoices: Sequence[PaidInvoice]
    paid: int | None
    refunded: Refunded = "none"
    item: str = "plan"
    current_end: int = NEVER


STORIES = {
    "nothing paid": Story([], None),
    "a month": Story([MONTH], 30),
    "renewed": Story([MONTH, cycle(whole(30, 60))], 60),
    "a period for nothing": Story([create(PeriodLine("plan", day(0), day(14)))], 14),
    "a refund in part": Story([create(whole(0, 30), back=1)], 30, "part"),
    "the newest refunded": Story([MONTH, cycle(whole(30, 60), back=PRICE)], 30, "full"),
    "an older one refunded": Story([create(whole(0, 30), back=PRICE), cycle(whole(30, 60))], 60),
    "something else billed": Story([create(whole(0, 30), back=PRICE), manual()], None, "full"),
    "something else refunded": Story([MONTH, manual(back=PRICE)], 30),
    # A change within a period.
    "up within the month": Story([MONTH, WITHIN], 30),
    "up, and refunded": Story([MONTH, update(credit(10, 30), charge(10, 30), back=PRICE)], 30),
    "up on a refunded month": Story([create(whole(0, 30), back=PRICE), WITHIN], None, "full"),
    "down at once": Story([MONTH, update(credit(10, 30), charge(10, 30, amount=1))], 30),
    "changed with the renewal": Story([MONTH, cycle(credit(10, 30), charge(10, 30), whole(30, 60))], 60),
    "up on an unpaid renewal": Story([MONTH, update(credit(40, 60), charge(40, 60))], 30),
    "that is paid later": Story([MONTH, cycle(whole(30, 60)), update(credit(40, 60), charge(40, 60))], 60),
    "it ends sooner": Story([MONTH, update(credit(20, 30))], 20),
    "it does not, after all": Story([MONTH, update(credit(20, 30)), update(charge(20, 30))], 30),
    "a part of a period": Story([MONTH, cycle(charge(30, 40))], 40),
    "a part, refunded": Story([MONTH, cycle(charge(30, 40), back=PRICE)], 30, "full"),
    "a first part": Story([create(charge(0, 20))], 20),
    "a first part for nothing": Story([create(charge(0, 20, amount=0))], 20),
    # Another rhythm, the anchor being kept: the rest of the year is a proration.
    "to a year": Story([MONTH, TO_A_YEAR], 365),
    "to a year beside a month": Story([BOTH, TO_A_YEAR], 365),
    "the month beside it": Story([BOTH, TO_A_YEAR], 30, item="beside"),
    "that is renewed": Story([BOTH, TO_A_YEAR, cycle(whole(30, 60, "beside"))], 60, item="beside"),
    "the year goes on meanwhile": Story([BOTH, TO_A_YEAR, cycle(whole(30, 60, "beside"))], 365),
    "the year is renewed": Story([MONTH, TO_A_YEAR, cycle(whole(365, 730))], 730),
    "up within the year": Story([MONTH, TO_A_YEAR, update(credit(50, 365), charge(50, 365))], 365),
    "the year, refunded": Story([MONTH, update(credit(10, 30), charge(10, 365), back=PRICE)], 30),
    "the year, refunded in part": Story([MONTH, update(credit(10, 30), charge(10, 365), back=1)], 365),
    "to a year on a refunded month": Story([create(whole(0, 30), back=PRICE), TO_A_YEAR], 365),
    "that is refunded too": Story(
        [create(whole(0, 30), back=PRICE), update(credit(10, 30), charge(10, 365), back=PRICE)], None, "full"
    ),
    "to a year with all of it off": Story([MONTH, update(credit(10, 30), charge(10, 365, amount=0))], 365),
    "to a year on an unpaid renewal": Story([MONTH, update(credit(40, 60), charge(40, 365))], 365),
    "back to a month": Story([create(whole(0, 365)), update(credit(10, 365), charge(10, 30))], 30),
    "there and back": Story([MONTH, TO_A_YEAR, update(credit(50, 365), charge(50, 60))], 60),
    # Another rhythm, the anchor being moved: a whole period begins.
    "a year from now on": Story([MONTH, update(credit(10, 30), whole(10, 375))], 375),
    "a month from now on": Story([create(whole(0, 365)), update(credit(10, 365), whole(10, 40))], 40),
    "that is refunded": Story([MONTH, update(credit(10, 30), whole(10, 375), back=PRICE)], 30),
    "a new period on a refunded one": Story([create(whole(0, 30), back=PRICE), update(whole(10, 40))], 40),
    "for all items": Story(
        [
            create(whole(0, 30), whole(0, 30, "beside"), back=PRICE),
            update(whole(10, 40), whole(10, 40, "beside")),
        ],
        40,
        item="beside",
    ),
    "that is renewed and refunded": Story(
        [create(whole(0, 30), back=PRICE), update(whole(10, 40)), cycle(whole(40, 70), back=PRICE)], 40, "full"
    ),
    # What was not paid for itself comes back with nothing that somebody else's change costs.
    "beside a year, all refunded before": Story(
        [create(whole(0, 30), whole(0, 30, "beside"), back=PRICE), TO_A_YEAR], 30, "full", "beside", 30
    ),
    # Items that come and go.
    "added, not billed yet": Story([MONTH], 30, item="new"),
    "added and billed": Story([MONTH, update(charge(10, 30, "new"))], 30, item="new"),
    "added for a year": Story([MONTH, update(charge(10, 365, "new"))], 365, item="new"),
    "added beside a year": Story([MONTH, TO_A_YEAR], 60, item="new", current_end=60),
    "added to a year, not billed yet": Story([MONTH, TO_A_YEAR], 365, item="new"),
    "added to what was refunded": Story(
        [create(whole(0, 30), back=PRICE), update(charge(10, 30, "new"))], 30, item="new"
    ),
    "which stays so": Story([create(whole(0, 30), back=PRICE), update(charge(10, 30, "new"))], 30, "full"),
    "in another's place": Story([MONTH, update(credit(10, 30), charge(10, 30, "new"))], 30, item="new"),
    "in a refunded one's place": Story(
        [create(whole(0, 30), back=PRICE), update(credit(10, 30), charge(10, 30, "new"))], None, "full", "new"
    ),
    "in its place for a year": Story(
        [create(whole(0, 30), back=PRICE), update(credit(10, 30), charge(10, 365, "new"))], 365, item="new"
    ),
    "resumed after a pause": Story([MONTH, update(charge(50, 60))], 60),
}


@pytest.mark.parametrize("name", STORIES)
def test_what_was_paid_for(name: str) -> None:
    story = STORIES[name]
    periods = Periods(story.invoices[::-1])
    paid = periods.paid_until(story.item, day(story.current_end), refunds_count=True)
    assert paid == (None if story.paid is None else day(story.paid))
    assert periods.refunded(story.item) == story.refunded


def test_where_refunds_do_nothing_a_refunded_period_was_paid_for() -> None:
    periods = Periods([cycle(whole(30, 60), back=PRICE), MONTH])
    assert periods.paid_until("plan", day(60), refunds_count=False) == day(60)
    assert periods.paid_until("plan", day(60), refunds_count=True) == day(30)


def test_a_unit_that_is_no_items_goes_by_any_of_them() -> None:
    month = create(whole(0, 30), whole(0, 30, "beside"), back=PRICE)
    assert Periods([month]).refunded(None) == "full"
    assert Periods([WITHIN, month]).refunded(None) == "full"
    assert Periods([TO_A_YEAR, month]).refunded(None) == "none"
