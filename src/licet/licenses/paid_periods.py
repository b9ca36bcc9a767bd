"""Rules: until when a subscription's items are paid for, and whether the newest period was refunded.

An invoice line bills an item for a span of time. There are three kinds:

- a whole period, which the line begins;
- a charge: a proration that bills a span, most often the rest of a period after a change within it;
- a credit: a proration that credits a span that the item no longer uses.

A charge that ends later than the credits of its invoice begins a period too: a change from monthly to yearly is billed
like that.
Source: contract, section 4; docs/decisions/license-state.md; Stripe's documentation, "Prorations" and "Set the
subscription billing renewal date".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from licet.licenses.core import Refunded

_WHOLE_SUBSCRIPTION = ("subscription_create", "subscription_cycle")
"""Billing reasons of invoices for the whole subscription, whatever their lines are."""


@dataclass(frozen=True)
class PeriodLine:
    """A line of an invoice for a subscription item. amount: in minor units, negative for a credit."""

    item: str
    starts: datetime
    ends: datetime
    proration: bool = False
    amount: int = 0

    @property
    def credit(self) -> bool:
        """Whether it is a proration with a negative amount."""
        return self.proration and self.amount < 0

    @property
    def charge(self) -> bool:
        """Whether it is a proration that bills; an amount of 0, after a discount of 100%, counts as paid."""
        return self.proration and not self.credit


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
        """The end of the period that the invoice begins for an item; None if it begins none."""
        lines = self._of(item_id)
        # An item that replaces another one has no credit of its own.
        credited_until = max((line.ends for line in _credits(lines) or _credits(self.lines)), default=None)
        ends = [
            line.ends
            for line in lines
            if not line.proration or (line.charge and (credited_until is None or credited_until < line.ends))
        ]
        return max(ends, default=None)

    def paid_until(self, item_id: str, before: datetime | None) -> datetime | None:
        """Until when an item is paid for with this invoice, if it was paid until `before` without it."""
        lines = self._of(item_id)
        if any(not line.proration for line in lines):
            return self.new_period_end(item_id)
        return _later(self._after_change(lines, before), self.new_period_end(item_id))

    @staticmethod
    def _after_change(lines: Sequence[PeriodLine], before: datetime | None) -> datetime | None:
        """Until when an item is paid for after a change: `before`, less credits, plus charges."""
        credit_lines = _credits(lines)
        if before is None or not credit_lines:
            return before
        until = max(line.ends for line in credit_lines)
        if until > before:
            # The credited span was not paid for itself, so the credit does not shorten what was paid for.
            return before
        charged = max((line.ends for line in lines if line.charge), default=None)
        rest = before if until < before else min(line.starts for line in credit_lines)
        return _later(rest, charged)

    def _of(self, item_id: str) -> list[PeriodLine]:
        return [line for line in self.lines if line.item == item_id]


@dataclass(frozen=True)
class Periods:
    """The paid invoices of a subscription, newest first."""

    invoices: Sequence[PaidInvoice] = ()

    def refunded(self, item_id: str | None) -> Refunded:
        """How much of an item's newest paid period was refunded. Refunds of other charges do not count.

        item_id: None for a unit that no longer belongs to an item.
        """
        for invoice in self.invoices:
            if invoice.whole_subscription:
                return invoice.refunded
            items = {line.item for line in invoice.lines} if item_id is None else {item_id}
            if invoice.refunded != "full" and any(invoice.new_period_end(item) for item in items):
                return "none"
        return "none"

    def paid_until(self, item_id: str, current_end: datetime, *, refunds_count: bool) -> datetime | None:
        """Until when an item is paid for; None if nothing was paid.

        An item that was added within a period is paid for as its siblings are, but not beyond its own period.

        current_end: the end of the item's own period, paid or not.
        refunds_count: whether a period that was refunded in full counts as never paid.
        """
        kept = [invoice for invoice in self.invoices if not (refunds_count and invoice.refunded == "full")]
        until: datetime | None = None
        for invoice in reversed(kept):
            until = invoice.paid_until(item_id, until)
        if until is not None:
            return until
        siblings = next((ends for invoice in kept if (ends := _new_period_ends(invoice))), None)
        return min(max(siblings), current_end) if siblings else None


def refunded(amount_paid: int, amount_refunded: int) -> Refunded:
    """Compare refunds with the amount paid (contract, section 4). Both in minor units of one currency."""
    if amount_refunded <= 0:
        return "none"
    return "full" if amount_paid > 0 and amount_refunded >= amount_paid else "part"


def _new_period_ends(invoice: PaidInvoice) -> list[datetime]:
    return [end for line in invoice.lines if (end := invoice.new_period_end(line.item))]


def _credits(lines: Sequence[PeriodLine]) -> list[PeriodLine]:
    return [line for line in lines if line.credit]


def _later(first: datetime | None, second: datetime | None) -> datetime | None:
    return max((time for time in (first, second) if time is not None), default=None)
