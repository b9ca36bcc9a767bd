"""What must hold of a customer's money at any moment, read through Stripe's API alone.

Every check says in its message which object breaks which law. Amounts are in minor units.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 24 * 3600
SMALLEST = 50
RUNNING = ("active", "past_due", "trialing", "unpaid")
GONE = ("failed", "canceled")
# As long as a period of one of the prices that lives are made of can be: weeks, months, years.
LENGTHS = [days * DAY for days in (7, 28, 29, 30, 31, 365, 366)]


@dataclass
class Books:
    """All of one customer's objects at one moment (epoch seconds); newest first, as Stripe lists them."""

    now: int
    customer: Any
    invoices: list[Any]
    lines: dict[str, list[Any]]
    items: list[Any]
    intents: list[Any]
    charges: list[Any]
    refunds: list[Any]
    disputes: list[Any]
    subscriptions: list[Any]
    prices: dict[str, int]


async def open_books(api: Any, customer: str, now: int) -> Books:
    """Read everything."""
    own = {"customer": customer, "limit": 100}
    expanded = ["data.payments", "data.amount_paid_off_stripe"]
    invoices = await _all(api.invoices.list_async({**own, "expand": expanded}))
    charges = await _all(api.charges.list_async(own))
    mine = {charge.id for charge in charges}
    return Books(
        now,
        await api.customers.retrieve_async(customer),
        invoices,
        {invoice.id: await _lines(api, invoice) for invoice in invoices},
        await _all(api.invoice_items.list_async(own)),
        await _all(api.payment_intents.list_async(own)),
        charges,
        [refund for refund in await _all(api.refunds.list_async({"limit": 100})) if refund.charge in mine],
        [dispute for dispute in await _all(api.disputes.list_async({"limit": 100})) if dispute.charge in mine],
        await _all(api.subscriptions.list_async({**own, "status": "all"})),
        {price.id: price.unit_amount for price in await _all(api.prices.list_async({"limit": 100}))},
    )


async def _all(listed: Any) -> list[Any]:
    return [one async for one in (await listed).auto_paging_iter()]


async def _lines(api: Any, invoice: Any) -> list[Any]:
    if not invoice.lines.has_more:
        return list(invoice.lines.data)
    return await _all(api.invoices.line_items.list_async(invoice.id, {"limit": 100}))


def check(books: Books, given: int) -> None:
    """All laws. given: what was put on the customer's balance by hand, in all."""
    for invoice in books.invoices:
        check_sums(invoice, books.lines[invoice.id])
        check_invoice_status(invoice)
        check_invoice_payments(books, invoice)
    for intent in books.intents:
        check_intent(books, intent)
    for charge in books.charges:
        check_charge(books, charge)
    for subscription in books.subscriptions:
        check_subscription(books, subscription)
    check_balance(books, given)
    check_lines(books)
    check_nothing_is_paid_twice(books)
    check_credits(books)
    check_charged_parts(books)


def check_sums(invoice: Any, lines: list[Any]) -> None:
    """From lines to what is due."""
    name = invoice.id
    assert invoice.subtotal == sum(line.amount for line in lines), name
    taken: Counter[str] = Counter()
    for line in lines:
        off = sum(entry.amount for entry in line.discount_amounts)
        assert all(entry.amount > 0 for entry in line.discount_amounts), (name, line.id)
        assert 0 <= off <= max(line.amount, 0), (name, line.id, "a discount takes more than there is")
        taken.update({entry.discount: entry.amount for entry in line.discount_amounts})
    assert {entry.discount: entry.amount for entry in invoice.total_discount_amounts} == dict(taken), name
    assert invoice.total == invoice.total_excluding_tax == invoice.subtotal - taken.total(), name
    wanted = max(invoice.total + invoice.starting_balance, 0)
    assert invoice.amount_due == (wanted if wanted >= SMALLEST else 0), (name, "due")
    assert 0 <= invoice.amount_paid <= invoice.amount_due, (name, "paid")
    assert invoice.amount_remaining == invoice.amount_due - invoice.amount_paid, (name, "remaining")
    if invoice.status != "draft":
        assert invoice.ending_balance == invoice.starting_balance + invoice.total - invoice.amount_due, (
            name,
            "balance",
        )


def check_invoice_status(invoice: Any) -> None:
    """A status, and what goes with it."""
    times, name = invoice.status_transitions, (invoice.id, invoice.status)
    assert (invoice.status == "draft") == (times.finalized_at is None) == (invoice.ending_balance is None), name
    assert invoice.status == "draft" or invoice.number is not None, name
    assert (invoice.status == "paid") == (times.paid_at is not None), name
    assert (invoice.status == "void") == (times.voided_at is not None), name
    if invoice.status == "paid":
        assert invoice.amount_remaining == 0, name
    else:
        assert invoice.amount_paid == 0, (name, "paid in part")
        assert invoice.status != "open" or invoice.amount_remaining >= SMALLEST, name
    if invoice.status in {"paid", "void", "uncollectible"}:
        assert (invoice.auto_advance, invoice.next_payment_attempt) == (False, None), name


def check_invoice_payments(books: Books, invoice: Any) -> None:
    """What was paid is what payments paid, and what came another way."""
    payments, name = invoice.payments.data, invoice.id
    intents = {intent.id: intent for intent in books.intents}
    paid = [payment for payment in payments if payment.status == "paid"]
    assert invoice.amount_paid == sum(one.amount_paid for one in paid) + invoice.amount_paid_off_stripe, name
    assert invoice.amount_paid_off_stripe >= 0, name
    assert len(paid) <= 1, (name, "paid twice")
    for payment in payments:
        intent = intents[payment.payment.payment_intent]
        assert (payment.status == "paid") == (intent.status == "succeeded"), (name, payment.status, intent.status)
        assert (payment.status == "canceled") == (intent.status == "canceled"), (name, payment.status, intent.status)
        assert payment.amount_requested == intent.amount, name
        assert payment.status != "paid" or payment.amount_paid == intent.amount_received, name
    waiting = [payment for payment in payments if payment.status == "open"]
    assert len(waiting) <= (invoice.status in {"open", "uncollectible"}), (name, "a payment that nobody waits for")
    assert all(payment.amount_requested == invoice.amount_remaining for payment in waiting), name


def check_intent(books: Books, intent: Any) -> None:
    """What it received is what its one good charge captured."""
    captured = [one for one in books.charges if one.payment_intent == intent.id and one.captured]
    assert intent.amount_received == sum(charge.amount_captured for charge in captured), intent.id
    assert len(captured) <= 1, (intent.id, "charged twice")
    assert (intent.status == "succeeded") == (intent.amount_received == intent.amount > 0), (intent.id, intent.status)


def check_charge(books: Books, charge: Any) -> None:
    """What came back of it, and that this is never more than there was."""
    back = sum(one.amount for one in books.refunds if one.charge == charge.id and one.status not in GONE)
    taken = -sum(
        entry.amount for one in books.disputes if one.charge == charge.id for entry in one.balance_transactions
    )
    assert charge.amount_refunded == back, charge.id
    assert charge.refunded == (0 < back == charge.amount_captured), (charge.id, charge.refunded)
    assert 0 <= taken <= charge.amount_captured - back, (charge.id, "more came back than was paid", taken, back)
    assert charge.disputed == any(one.charge == charge.id for one in books.disputes), charge.id
    assert charge.amount_captured == (charge.amount if charge.status == "succeeded" else 0), charge.id
    for dispute in books.disputes:
        held = -sum(entry.amount for entry in dispute.balance_transactions)
        kept = {"won": 0, "warning_closed": 0, "prevented": 0}.get(dispute.status, dispute.amount)
        assert held == (0 if dispute.status.startswith("warning_") else kept), (dispute.id, dispute.status)


def check_balance(books: Books, given: int) -> None:
    """The customer's balance is what was put there, and what invoices made of it."""
    moved = [one.ending_balance - one.starting_balance for one in books.invoices if one.status not in {"draft", "void"}]
    assert books.customer.balance == given + sum(moved), (books.customer.balance, given, moved)


def check_step(before: Books, after: Books) -> None:
    """The one invoice that was finalized since started from the balance that there was.

    Not a first one by Checkout, for which the payment came first.
    """
    known = {one.id for one in before.invoices if one.status != "draft"}
    void = {one.id for one in before.invoices if one.status == "void"}
    fresh = [one for one in after.invoices if one.status != "draft" and one.id not in known]
    if len(fresh) != 1 or any(one.status == "void" and one.id not in void for one in after.invoices):
        return
    (invoice,) = fresh
    by_checkout = invoice.billing_reason == "subscription_create" and invoice.starting_balance == 0
    assert by_checkout or invoice.starting_balance == before.customer.balance, invoice.id


def check_subscription(books: Books, subscription: Any) -> None:
    """Its status against its invoices and the time."""
    own = [one for one in books.invoices if _subscription_of(one) == subscription.id and one.billing_reason != "manual"]
    finalized = [one for one in own if one.status not in {"draft", "void"}]
    status, name = subscription.status, (subscription.id, subscription.status, [one.status for one in own])
    for item in subscription["items"].data:
        assert item.current_period_start <= item.current_period_end, name
        assert status not in RUNNING or item.current_period_start <= books.now < item.current_period_end, name
        assert status != "trialing" or item.current_period_end == subscription.trial_end, name
    assert (status in {"canceled", "incomplete_expired"}) == (subscription.ended_at is not None), name
    assert (status == "trialing") <= (subscription.trial_end is not None), name
    assert subscription.cancel_at is None or status == "canceled" or subscription.cancel_at > books.now, name
    if status == "incomplete":
        # Written off, the first payment is waited for as before.
        assert len(own) == 1, name
        assert own[0].status in {"open", "uncollectible"}, name
        assert books.now < subscription.created + 23 * 3600, name
    if status == "incomplete_expired":
        assert {one.status for one in own} <= {"void", "uncollectible"}, name
    if status in {"past_due", "unpaid"}:
        assert "open" in {one.status for one in finalized}, (name, "nothing is owed")
    if status == "active" and subscription.pending_update is None:
        assert not finalized or finalized[0].status != "open", (name, "its newest invoice is owed")


def _subscription_of(invoice: Any) -> str | None:
    return None if invoice.parent is None else str(invoice.parent.subscription_details.subscription)


def check_lines(books: Books) -> None:
    """A whole period costs its price, or nothing in a trial; after the end nothing begins."""
    ends = {one.id: one.ended_at for one in books.subscriptions}
    for invoice, line in _counted_lines(books):
        details = line.parent.subscription_item_details
        if details is None or details.proration:
            continue
        whole = books.prices[line.pricing.price_details.price] * line.quantity
        trial = line.description.startswith("Trial period")
        assert line.amount == (0 if trial else whole), (invoice.id, line.id)
        ended = ends[details.subscription]
        assert ended is None or line.period.start <= ended, (invoice.id, line.id, "billed after the end")


def _counted_lines(books: Books, *, void: bool = False) -> Iterator[tuple[Any, Any]]:
    """Lines of all invoices that still count, or (void) of all."""
    for invoice in books.invoices:
        if void or invoice.status != "void":
            for line in books.lines[invoice.id]:
                yield invoice, line


def net(line: Any) -> int:
    """What a line comes to, its discounts taken off."""
    return int(line.amount - sum(entry.amount for entry in line.discount_amounts))


def check_nothing_is_paid_twice(books: Books) -> None:
    """Where two invoices bill the same time of an item, the earlier is credited from the later's start on.

    Whoever voids an invoice has voided its credits, too: those count here.
    """
    credited: dict[str, int] = {}
    for credit in _credits(books, void=True):
        for key in _credited_lines(credit):
            credited[key] = min(credited.get(key, credit.period.start), credit.period.start)
    periods = defaultdict(list)
    for _, line in reversed(list(_counted_lines(books))):
        details = line.parent.subscription_item_details
        if details is not None and not details.proration and net(line) > 0:
            periods[details.subscription_item].append(line)
    for lines in periods.values():
        # Of those that start together the older comes first.
        lines.sort(key=lambda line: line.period.start)
        for earlier, later in pairwise(lines):
            until = min(earlier.period.end, credited.get(earlier.id, earlier.period.end))
            assert until <= later.period.start, (earlier.invoice, later.invoice, "the same time is billed twice")


def _credits(books: Books, *, void: bool = False) -> Iterator[Any]:
    """Lines (void: also of void invoices) and pending items that give back unused time."""
    for _, line in _counted_lines(books, void=void):
        details = line.parent.subscription_item_details
        if details is not None and details.proration and line.amount <= 0:
            yield line
    yield from (item for item in books.items if item.invoice is None and item.proration and item.amount <= 0)


def _credited_lines(credit: Any) -> list[str]:
    """The ids of the lines that a credit gives back; none where that is pending, too."""
    details = credit.proration_details if credit.object == "invoiceitem" else _line_details(credit)
    named = details.credited_items if details is not None else None
    if named is None:
        return []
    lines = getattr(named, "invoice_line_item_details", None) if credit.object == "invoiceitem" else named
    return [] if lines is None else list(lines.invoice_line_items)


def _line_details(line: Any) -> Any:
    return line.parent.subscription_item_details.proration_details


def check_credits(books: Books) -> None:
    """Each gives back its part of a line to the second, rounded half up, and never more than the line took."""
    billed = {line.id: line for _, line in _counted_lines(books)}
    back: Counter[str] = Counter()
    for credit in _credits(books):
        for key in _credited_lines(credit):
            if key not in billed:
                continue
            line = billed[key]
            left = [_part(line, moment) for moment in (credit.period.start, credit.period.end)]
            assert -credit.amount == left[0] - left[1], (credit.id, "is not the unused part of", key)
            back[key] -= credit.amount
    for key, amount in back.items():
        assert amount <= net(billed[key]), (key, "is credited more than once")


def _part(line: Any, moment: int) -> int:
    return half_up(Fraction(net(line) * (line.period.end - moment), line.period.end - line.period.start))


def half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


def check_charged_parts(books: Books) -> None:
    """The rest of a period costs its share, to the second, of the price as far as no discount makes it cheaper."""
    for invoice, line in _counted_lines(books):
        details = line.parent.subscription_item_details
        if details is None or not line.description.startswith("Remaining time") or line.amount <= 0:
            continue
        price, seconds = books.prices[line.pricing.price_details.price], line.period.end - line.period.start
        shares = [half_up(Fraction(price * line.quantity * seconds, length)) for length in LENGTHS if length >= seconds]
        assert line.amount <= max(shares), (invoice.id, line.id)
        if not any(one.discounts for one in books.subscriptions) and not _ever_discounted(books):
            assert line.amount in shares, (invoice.id, line.id, line.amount, shares)


def _ever_discounted(books: Books) -> bool:
    return any(line.discount_amounts for _, line in _counted_lines(books))
