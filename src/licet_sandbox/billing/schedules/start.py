"""Starts the subscription of a schedule: now, on its start date, or backdated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection.draft_invoices import DRAFT_SECONDS, schedule_finalization
from licet_sandbox.billing.invoices.invoices import make_invoice
from licet_sandbox.billing.invoices.lines import subscription_line
from licet_sandbox.billing.invoices.pending_lines import pending_lines
from licet_sandbox.billing.next_due import schedule_due_work
from licet_sandbox.billing.periods import period_around, period_end
from licet_sandbox.billing.schedules.phase_invoice_items import add_invoice_items
from licet_sandbox.billing.schedules.phase_start import apply_phase_discounts, apply_settings, phase_choices
from licet_sandbox.billing.subscriptions.cancel_at import clip_period_end
from licet_sandbox.billing.subscriptions.proration import period_line
from licet_sandbox.billing.subscriptions.subscriptions import make_subscription

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def make_scheduled_subscription(tx: Tx, schedule: Obj, phase: Obj) -> Obj:
    """The subscription of the first phase; not yet stored."""
    trial_end = phase["trial_end"]
    if trial_end is not None and trial_end <= tx.now:
        trial_end = None
    subscription = make_subscription(
        tx,
        tx.get("customer", schedule["customer"]),
        phase_choices(tx, phase),
        status="active" if trial_end is None else "trialing",
        trial_end=trial_end,
        billing_mode=schedule["billing_mode"],
        metadata={},
        schedule=schedule["id"],
        start_date=phase["start_date"],
    )
    if trial_end is None:
        _backdate(tx, subscription, phase["start_date"])
    apply_settings(schedule, subscription, phase)
    return subscription


def start_subscription(tx: Tx, subscription: Obj, phase: Obj) -> None:
    """Stores the subscription; `customer.subscription.created`.

    Its first invoice is a draft for an hour, as for a renewal.
    """
    for item in subscription["items"]["data"]:
        item["current_period_end"] = clip_period_end(subscription, item["current_period_end"])
    apply_phase_discounts(tx, subscription, phase)
    tx.insert(subscription, "customer.subscription.created")
    add_invoice_items(tx, subscription, phase)
    _bill(tx, subscription, phase["start_date"])
    tx.save(subscription)
    schedule_due_work(tx, subscription)


def _backdate(tx: Tx, subscription: Obj, start: int) -> None:
    """Counts the periods from the schedule's start, which may be in the past."""
    subscription["billing_cycle_anchor"] = start
    for item in subscription["items"]["data"]:
        began, ends = period_around(start, tx.now, item["price"]["recurring"])
        item |= {"current_period_start": began, "current_period_end": ends}


def _bill(tx: Tx, subscription: Obj, start: int) -> None:
    lines = []
    for item in subscription["items"]["data"]:
        if subscription["status"] == "trialing":
            lines.append(subscription_line(tx, subscription, item, trial=True))
        else:
            lines += [*_past_period_lines(tx, subscription, item, start), period_line(tx, subscription, item)]
    invoice = make_invoice(
        tx,
        tx.get("customer", subscription["customer"]),
        lines + pending_lines(tx, subscription),
        subscription=subscription,
        billing_reason="subscription_create",
        automatically_finalizes_at=tx.now + DRAFT_SECONDS,
    )
    schedule_finalization(tx, invoice)
    subscription["latest_invoice"] = invoice["id"]


def _past_period_lines(tx: Tx, subscription: Obj, item: Obj, start: int) -> list[Obj]:
    """A line for each period between a start in the past and the current period."""
    lines = []
    while start < item["current_period_start"]:
        end = period_end(subscription["billing_cycle_anchor"], start, item["price"]["recurring"])
        past = item | {"current_period_start": start, "current_period_end": end}
        lines.append(subscription_line(tx, subscription, past, trial=False))
        start = end
    return lines
