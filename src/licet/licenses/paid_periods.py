"""Rules: until when a subscription's items are paid for, and whether the newest period was refunded.

An invoice line bills an item for a span of time. There are three kinds:

- a whole period, which the line begins;
- a charge: a proration that bills a span, most often the rest of a period after a change within it;
- a credit: a proration that credits a span that the item no longer uses.

An item is paid for at a moment if more lines bill that moment than credit it, counted invoice by invoice, oldest first,
and never below 0. A change within a period is a credit and a charge, and changes nothing.

An invoice that was refunded in full bills nothing. Credits that refer to what it billed are counted against it first,
so that a paid upgrade outlasts a refund of the period in which it was made.
Source: contract, section 4; docs/decisions/license-state.md; Stripe's documentation, "Prorations" and "Set the
subscription billing renewal date".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from licet.licenses.core import Refunded

_WHOLE_SUBSCRIPTION = ("subscription_create", "subscription_cycle")
"""Billing reasons of invoices for the whole subscription, whatever their lines are."""


@dataclass(frozen=True)
class PeriodLine:
    """A line of an invoice for a subscription item.

    amount: in minor units, negative for a credit. credits: whether Stripe marks the line as a credit; the credit for a
    span that was billed with a discount of 100% has an amount of 0.
    """

    item: str
    starts: datetime
    ends: datetime
    proration: bool = False
    amount: int = 0
    credits: bool = False

    @property
    def credit(self) -> bool:
        """Whether it is a proration that credits a span."""
        return self.proration and (self.amount < 0 or self.credits)

    @property
    def count(self) -> int:
        """1 if it bills its span, which an amount of 0 does too; -1 if it credits it."""
        return -1 if self.credit else 1


@dataclass(frozen=True)
class PaidInvoice:
    """A paid invoice of a subscription. Lists are newest first; amounts in minor units of its currency."""

    id: str
    billing_reason: str | None
    amount_paid: int
    amount_refunded: int
    lines: Sequence[PeriodLine] = ()

    @property
    def refunded(self) -> Refunded:
        """How much of it was refunded. An invoice of 0 is never refunded."""
        return refunded(self.amount_paid, self.amount_refunded)

    @property
    def whole_subscription(self) -> bool:
        """Whether it is for a period of the whole subscription, not for a change of one item."""
        if self.billing_reason in _WHOLE_SUBSCRIPTION:
            return any(self.new_period_end(line.item) for line in self.lines)
        return self.billing_reason != "subscription_update" and any(not line.proration for line in self.lines)

    def new_period_end(self, item_id: str) -> datetime | None:
        """The end of the period that the invoice begins for an item; None if it begins none.

        A whole period begins one, and so does a charge for a time that the invoice does not credit: a change from
        monthly to yearly is billed like that.
        """
        lines = [line for line in self.lines if line.item == item_id]
        prorations = [line for line in lines if line.proration]
        if not any(line.credit for line in prorations):
            prorations += self._credits_of_removed_items()
        net_end = _latest(prorations, lambda moment: sum(line.count for line in _at(prorations, moment)) > 0)
        ends = [line.ends for line in lines if not line.proration]
        return max([*ends, *([net_end] if net_end and any(not line.credit for line in lines) else [])], default=None)

    def charges(self, item_id: str | None) -> bool:
        """Whether money was taken, and not all of it given back, for a span of this item (None: of any)."""
        if self.amount_paid <= 0 or self.refunded == "full":
            return False
        return any(not line.credit for line in self.lines if item_id is None or line.item == item_id)

    def _credits_of_removed_items(self) -> list[PeriodLine]:
        """The credits of items that are billed nothing here: another item has taken their place."""
        billed = {line.item for line in self.lines if not line.credit}
        return [line for line in self.lines if line.credit and line.item not in billed]


@dataclass(frozen=True)
class Periods:
    """The paid invoices of a subscription, newest first."""

    invoices: Sequence[PaidInvoice] = ()

    def refunded(self, item_id: str | None) -> Refunded:
        """How much of an item's newest paid period was refunded. Refunds of other charges do not count.

        A period is refunded in part only, if a change within it was paid for and not refunded.

        item_id: None for a unit that no longer belongs to an item.
        """
        changed = False
        for invoice in self.invoices:
            if invoice.whole_subscription:
                return "part" if changed and invoice.refunded == "full" else invoice.refunded
            items = {line.item for line in invoice.lines} if item_id is None else {item_id}
            if invoice.refunded != "full" and any(invoice.new_period_end(item) for item in items):
                return "none"
            changed = changed or invoice.charges(item_id)
        return "none"

    def paid_until(self, item_id: str, current_end: datetime, *, refunds_count: bool) -> datetime | None:
        """Until when an item is paid for; None if nothing was paid.

        An item that was added within a period is paid for as its siblings are, but not beyond its own period.

        current_end: the end of the item's own period, paid or not.
        refunds_count: whether a period that was refunded in full counts as never paid.
        """
        oldest_first = [
            (refunds_count and invoice.refunded == "full", invoice.amount_paid > 0, lines)
            for invoice in reversed(self.invoices)
            if (lines := [line for line in invoice.lines if line.item == item_id])
        ]
        lines = [line for _, _, lines in oldest_first for line in lines]
        until = _latest(lines, lambda moment: _is_paid(oldest_first, moment))
        if until is not None:
            return until
        kept = [invoice for invoice in self.invoices if not (refunds_count and invoice.refunded == "full")]
        siblings = next((ends for invoice in kept if (ends := _new_period_ends(invoice))), None)
        return min(max(siblings), current_end) if siblings else None


def _is_paid(oldest_first: Sequence[tuple[bool, bool, Sequence[PeriodLine]]], moment: datetime) -> bool:
    """Whether a moment is paid for, by one item's lines of each invoice: (refunded, took money, lines)."""
    paid = given_back = 0
    for is_refunded, took_money, lines in oldest_first:
        counts = [line.count for line in _at(lines, moment)]
        billed, credited = counts.count(1), counts.count(-1)
        if is_refunded:
            given_back += billed
            continue
        against_refunded = min(given_back, credited) if took_money else 0
        given_back -= against_refunded
        paid = max(0, paid + billed - (credited - against_refunded))
    return paid > 0


def _latest(lines: Sequence[PeriodLine], holds: Callable[[datetime], bool]) -> datetime | None:
    """The end of the latest span that this holds for. A span lies between two starts or ends of lines."""
    times = sorted({time for line in lines for time in (line.starts, line.ends)}, reverse=True)
    return next((ends for ends, starts in pairwise(times) if holds(starts)), None)


def _at(lines: Sequence[PeriodLine], moment: datetime) -> list[PeriodLine]:
    return [line for line in lines if line.starts <= moment < line.ends]


def refunded(amount_paid: int, amount_refunded: int) -> Refunded:
    """Compare refunds with the amount paid (contract, section 4). Both in minor units of one currency."""
    if amount_refunded <= 0:
        return "none"
    return "full" if amount_paid > 0 and amount_refunded >= amount_paid else "part"


def _new_period_ends(invoice: PaidInvoice) -> list[datetime]:
    return [end for line in invoice.lines if (end := invoice.new_period_end(line.item))]
