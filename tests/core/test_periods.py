"""Paid periods: which invoice is the newest period, and until when an item is paid for.

A story is the invoices of one subscription with the items `plan` and `beside`, in days from its start.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.depth import examples

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


def unpaid_update(*lines: PeriodLine) -> PaidInvoice:
    """A change whose credits outweigh its charges: no money was taken."""
    return PaidInvoice("in", "subscription_update", 0, 0, lines)


def manual(*lines: PeriodLine, back: int = 0) -> PaidInvoice:
    return PaidInvoice("in", "manual", PRICE, back, lines)


MONTH = create(whole(0, 30))
BOTH = create(whole(0, 30), whole(0, 30, "beside"))
TO_A_YEAR = update(credit(10, 30), charge(10, 365))
FREE_CREDIT = PeriodLine("plan", day(10), day(365), proration=True, credits=True)
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
    "up on a refunded month": Story([create(whole(0, 30), back=PRICE), WITHIN], 30, "part"),
    "up on a refunded month, refunded too": Story(
        [create(whole(0, 30), back=PRICE), update(credit(10, 30), charge(10, 30), back=PRICE)], None, "full"
    ),
    "down on a refunded month": Story(
        [create(whole(0, 30), back=PRICE), unpaid_update(credit(10, 30), charge(10, 30, amount=1))], None, "full"
    ),
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
        [create(whole(0, 30), back=PRICE), update(credit(10, 30), charge(10, 30, "new"))], 30, "part", "new"
    ),
    "in its place for a year": Story(
        [create(whole(0, 30), back=PRICE), update(credit(10, 30), charge(10, 365, "new"))], 365, item="new"
    ),
    "resumed after a pause": Story([MONTH, update(charge(50, 60))], 60),
    # Several changes of one item on one invoice.
    "to a year, then more units": Story(
        [MONTH, update(credit(5, 30), charge(5, 365), credit(6, 365), charge(6, 365))], 365
    ),
    "more units, then to a month": Story(
        [
            create(whole(0, 365)),
            unpaid_update(credit(30, 365), charge(30, 365), credit(60, 365), whole(60, 90)),
        ],
        90,
    ),
    "added, then more units": Story(
        [create(whole(0, 7)), update(charge(0, 31, "new"), credit(1, 31, "new"), charge(1, 31, "new"))], 31, item="new"
    ),
    "beside another item's change": Story(
        [
            BOTH,
            update(credit(5, 365), charge(5, 365), charge(5, 365, "new")),
            update(credit(90, 365), charge(90, 120)),
        ],
        365,
        item="new",
    ),
    "back to a month from a year with all of it off": Story(
        [create(PeriodLine("plan", day(0), day(365))), update(FREE_CREDIT, charge(10, 30))], 30
    ),
    "two changes, refunded": Story(
        [
            create(whole(0, 365)),
            update(credit(5, 365), charge(5, 365), credit(6, 365), charge(6, 30), back=PRICE),
        ],
        365,
    ),
    "a year that nobody credited, beside a month": Story([create(whole(0, 365)), update(whole(10, 40))], 365),
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
    assert Periods([WITHIN, month]).refunded(None) == "part"
    assert Periods([TO_A_YEAR, month]).refunded(None) == "none"


LAST_DAY = 40


def paid_days(invoices: Sequence[PaidInvoice], item: str) -> set[int]:
    """The days that are paid for, counted one by one."""
    paid: set[int] = set()
    for number in range(LAST_DAY):
        count = 0
        for invoice in invoices:
            lines = [line for line in invoice.lines if line.item == item and line.starts <= day(number) < line.ends]
            count = max(0, count + sum(-1 if line.amount < 0 else 1 for line in lines))
        if count:
            paid.add(number)
    return paid


SPANS = st.tuples(st.integers(0, LAST_DAY - 2), st.integers(1, LAST_DAY - 1)).map(sorted).filter(lambda s: s[0] < s[1])
LINES = st.builds(
    lambda span, kind, item: kind(*span, item),
    SPANS,
    st.sampled_from([whole, charge, charge, credit, credit]),
    st.sampled_from(["plan", "beside"]),
)
LIVES = st.lists(st.lists(LINES, max_size=5).map(lambda lines: update(*lines)), max_size=6)


@given(invoices=LIVES)
@settings(max_examples=examples(200, 5000))
def test_the_rule_agrees_with_a_count_of_each_day(invoices: list[PaidInvoice]) -> None:
    """An item that nothing was ever paid for is paid for as its siblings are, so it is left out."""
    paid = paid_days(invoices, "plan")
    if paid:
        until = Periods(invoices[::-1]).paid_until("plan", day(NEVER), refunds_count=True)
        assert until == day(max(paid) + 1)


@given(invoices=LIVES)
@settings(max_examples=examples(100, 2000))
def test_a_refund_of_all_takes_all_of_it_back(invoices: list[PaidInvoice]) -> None:
    refunded = [replace(invoice, amount_refunded=PRICE) for invoice in invoices]
    assert Periods(refunded[::-1]).paid_until("plan", day(NEVER), refunds_count=True) is None
