"""What was paid for on a subscription: until when each item is, and what became of its newest period. Pure rules.

A line bills an item for a while. There are three kinds:

- a whole period, which it begins;
- a charge: a proration that takes money for a while, most often the rest of a period after a change within it;
- a credit: a proration that gives money back for what an item no longer needs.

A charge beyond what its invoice gives back begins a period as well: a year that takes a month's place is billed so.
Source: contract, section 4; docs/decisions/license-state.md; Stripe's documentation, "Prorations" and "Set the
subscription billing renewal date".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from licet.licenses.core import Refunded

_OF_ALL = ("subscription_create", "subscription_cycle")
"""Reasons of invoices that are for the subscription as a whole, whatever their lines look like."""


@dataclass(frozen=True)
class PeriodLine:
    """What an invoice bills a subscription item for. amount: minor units of its currency, below 0 for a credit."""

    item: str
    starts: datetime
    ends: datetime
    proration: bool = False
    amount: int = 0

    @property
    def credit(self) -> bool:
        """Whether it gives back."""
        return self.proration and self.amount < 0

    @property
    def charge(self) -> bool:
        """Whether it is a proration that takes; nothing at all, with a discount of the whole, is paid for too."""
        return self.proration and not self.credit


@dataclass(frozen=True)
class PaidInvoice:
    """A paid invoice of a subscription, newest first in lists; amounts in minor units of its own currency."""

    id: str
    billing_reason: str | None
    amount_paid: int
    amount_refunded: int
    lines: Sequence[PeriodLine] = ()

    @property
    def refunded(self) -> Refunded:
        """How much of it went back. Of nothing paid, nothing can go back."""
        return refunded(self.amount_paid, self.amount_refunded)

    @property
    def of_all(self) -> bool:
        """Whether it is for a period of the subscription as a whole, not for a change of one item."""
        if self.billing_reason in _OF_ALL:
            return any(self.begun(line.item) for line in self.lines)
        return self.billing_reason != "subscription_update" and any(not line.proration for line in self.lines)

    def begun(self, item_id: str) -> datetime | None:
        """The end of the period that it begins for an item, if it does."""
        lines = self._of(item_id)
        # An item that takes another's place has no credit of its own.
        given_back = max((line.ends for line in _credits(lines) or _credits(self.lines)), default=None)
        ends = [
            line.ends
            for line in lines
            if not line.proration or (line.charge and (given_back is None or given_back < line.ends))
        ]
        return max(ends, default=None)

    def paid_through(self, item_id: str, before: datetime | None) -> datetime | None:
        """Until when an item is paid for with this invoice, having been so until `before`."""
        lines = self._of(item_id)
        if any(not line.proration for line in lines):
            return self.begun(item_id)
        return _later(self._within(lines, before), self.begun(item_id))

    @staticmethod
    def _within(lines: Sequence[PeriodLine], before: datetime | None) -> datetime | None:
        """What a change leaves of the time that was paid for."""
        given_back = _credits(lines)
        if before is None or not given_back:
            return before
        until = max(line.ends for line in given_back)
        if until > before:
            # What is changed was not paid for itself, so that its credit paid for nothing.
            return before
        charged = max((line.ends for line in lines if line.charge), default=None)
        rest = before if until < before else min(line.starts for line in given_back)
        return _later(rest, charged)

    def _of(self, item_id: str) -> list[PeriodLine]:
        return [line for line in self.lines if line.item == item_id]


@dataclass(frozen=True)
class Periods:
    """What was paid for on a subscription: its paid invoices, newest first."""

    invoices: Sequence[PaidInvoice] = ()

    def refunded(self, item_id: str | None) -> Refunded:
        """What became of an item's newest paid period; refunds of changes, and what else was billed, do not count.

        item_id: None for what is no longer any item's.
        """
        for one in self.invoices:
            if one.of_all:
                return one.refunded
            items = {line.item for line in one.lines} if item_id is None else {item_id}
            if one.refunded != "full" and any(one.begun(each) for each in items):
                return "none"
        return "none"

    def paid_through(self, item_id: str, current_end: datetime, *, refunds_count: bool) -> datetime | None:
        """Until when an item is paid for; one added within a period has that of its siblings, and no more than its own.

        current_end: of the item's own period, paid or not.
        refunds_count: whether a period refunded in full is as if it had never been paid.
        """
        kept = [one for one in self.invoices if not (refunds_count and one.refunded == "full")]
        until: datetime | None = None
        for one in reversed(kept):
            until = one.paid_through(item_id, until)
        if until is not None:
            return until
        siblings = next((found for one in kept if (found := _begun_by(one))), None)
        return min(max(siblings), current_end) if siblings else None


def refunded(paid: int, returned: int) -> Refunded:
    """In full means that refunds equal what was paid (contract, section 4). Minor units of one currency."""
    if returned <= 0:
        return "none"
    return "full" if paid > 0 and returned >= paid else "part"


def _begun_by(invoice: PaidInvoice) -> list[datetime]:
    return [end for line in invoice.lines if (end := invoice.begun(line.item))]


def _credits(lines: Sequence[PeriodLine]) -> list[PeriodLine]:
    return [line for line in lines if line.credit]


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((each for each in (one, other) if each is not None), default=None)
