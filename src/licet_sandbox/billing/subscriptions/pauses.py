"""Pauses and resumes subscriptions: a paused one has no service, invoices or new periods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import collection, pending_updates, resumption
from licet_sandbox.billing.invoices.invoices import finalize_invoice, make_invoice, open_payment
from licet_sandbox.billing.invoices.lines import subscription_line
from licet_sandbox.billing.invoices.pending_lines import pending_lines
from licet_sandbox.billing.next_due import schedule_due_work
from licet_sandbox.billing.periods import period_around
from licet_sandbox.billing.subscriptions.proration import charge_remaining, credit_unused

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_HOUR = 3600
_ATTEMPT_SECONDS = 23 * _HOUR
_SUCCESS_SECONDS = 365 * 24 * _HOUR


@dataclass(frozen=True)
class ResumeParams:
    """The parameters of a resumption. on_success: pay now, and stay paused until that succeeds."""

    keep_anchor: bool = False
    on_success: bool = False
    proration_behavior: str = "create_prorations"
    proration_date: int | None = None


def pause_subscription(tx: Tx, subscription: Obj, *, unused_from: str, invoice_now: bool) -> None:
    """Pauses the subscription now. Its periods end now; their unused time is credited.

    unused_from: `now`, `item_current_period_start` (credits the whole period) or `none`
    invoice_now: bill the credit now, not with the next invoice
    """
    credited: list[Obj] = []
    for item in subscription["items"]["data"]:
        if unused_from != "none":
            start = item["current_period_start"] if unused_from == "item_current_period_start" else tx.now
            credited += credit_unused(tx, subscription, item, start)
        item["current_period_end"] = tx.now
    pending_updates.discard_update(tx, subscription)
    invoice = None
    if credited and invoice_now:
        invoice = _make_invoice(tx, subscription, pending_lines(tx, subscription), auto_advance=True)
        subscription["latest_invoice"] = invoice["id"]
    set_paused(tx, subscription, "pause_requested")
    if invoice is not None:
        finalize_invoice(tx, invoice)
        _collect(tx, invoice)


def _collect(tx: Tx, invoice: Obj) -> None:
    """Collects an invoice in the background: a failed attempt is retried."""
    if invoice["amount_due"] == 0:
        collection.record_payment(tx, invoice, None)
    else:
        collection.collect_automatically(tx, invoice)


def set_paused(tx: Tx, subscription: Obj, why: str) -> None:
    """Sets the status `paused`, with the reason in `status_details`."""
    tx.unschedule(subscription["id"])
    details = {"subscription": {"type": why}, "transitioned_at": tx.now, "type": "subscription"}
    subscription |= {"status": "paused", "status_details": {"paused": details}}
    tx.save(subscription, "customer.subscription.updated", "customer.subscription.paused")
    schedule_due_work(tx, subscription)


def resume_subscription(tx: Tx, subscription: Obj, options: ResumeParams) -> None:
    """Resumes the subscription: now if nothing is due, else once its invoice is paid."""
    anchor = subscription["billing_cycle_anchor"] if options.keep_anchor else tx.now
    items = subscription["items"]["data"]
    periods = {item["id"]: list(_period(tx, item, anchor, options)) for item in items}
    plan = {"anchor": anchor, "periods": periods, "on_success": options.on_success}
    invoice = _invoice(tx, subscription, periods, options)
    if invoice is None:
        resumption.apply_resumption(tx, subscription, plan, "active")
        return
    expires_at = tx.now + (_SUCCESS_SECONDS if options.on_success else _ATTEMPT_SECONDS)
    resumption.await_invoice(tx, subscription, invoice, plan, expires_at)
    tx.save(subscription, "customer.subscription.updated")
    finalize_invoice(tx, invoice)
    if options.on_success or invoice["amount_due"] == 0:
        _collect(tx, invoice)
    else:
        open_payment(tx, invoice)


def proration_window(tx: Tx, subscription: Obj) -> tuple[int, int]:
    """The time in which a resumption with the old anchor can be prorated: start and end.

    It is the time that the current periods of all items share.
    """
    anchor = subscription["billing_cycle_anchor"]
    around = [period_around(anchor, tx.now, item["price"]["recurring"]) for item in subscription["items"]["data"]]
    return max(start for start, _ in around), min(end for _, end in around)


def _period(tx: Tx, item: Obj, anchor: int, options: ResumeParams) -> tuple[int, int]:
    around = period_around(anchor, tx.now, item["price"]["recurring"])
    return around if options.keep_anchor else (tx.now, around[1])


def _invoice(tx: Tx, subscription: Obj, periods: dict[str, list[int]], options: ResumeParams) -> Obj | None:
    """The draft of the resumption, for periods that start now or the rest of current ones; or None."""
    begun = [resumption.with_period(item, *periods[item["id"]]) for item in subscription["items"]["data"]]
    if not options.keep_anchor:
        lines = [subscription_line(tx, subscription, item, trial=False) for item in begun]
    elif options.proration_behavior == "none":
        return None
    else:
        at = tx.now if options.proration_date is None else options.proration_date
        for item in begun:
            charge_remaining(tx, subscription, item, at)
        if options.proration_behavior == "create_prorations":
            return None
        lines = []
    return _make_invoice(tx, subscription, [*pending_lines(tx, subscription), *lines], auto_advance=options.on_success)


def _make_invoice(tx: Tx, subscription: Obj, lines: list[Obj], *, auto_advance: bool) -> Obj:
    customer = tx.get("customer", subscription["customer"])
    return make_invoice(
        tx,
        customer,
        lines,
        subscription=subscription,
        billing_reason="subscription_update",
        auto_advance=auto_advance,
    )
