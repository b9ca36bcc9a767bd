"""A subscription is paused, and resumed: no service, no invoices, no new periods in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import collection, pending_updates, resumption
from licet_sandbox.billing.invoices.invoices import finalize, make_invoice, payment_of
from licet_sandbox.billing.invoices.lines import subscription_line
from licet_sandbox.billing.invoices.pending_lines import pending_lines
from licet_sandbox.billing.next_due import plan_ahead
from licet_sandbox.billing.periods import period_around
from licet_sandbox.billing.subscriptions.proration import charge_rest, credit_unused

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_HOUR = 3600
_ATTEMPT_SECONDS = 23 * _HOUR
_SUCCESS_SECONDS = 365 * 24 * _HOUR


@dataclass(frozen=True)
class Resuming:
    """How to resume, in Stripe's words; `on_success`: pay now, and stay paused until that succeeds."""

    keep_anchor: bool = False
    on_success: bool = False
    proration_behavior: str = "create_prorations"
    proration_date: int | None = None


def pause(tx: Tx, subscription: Obj, *, unused_from: str, invoice_now: bool) -> None:
    """At once. Its periods end now; what they had left is credited.

    unused_from: `now`, `item_current_period_start` (the whole period) or `none`; invoice_now: do not wait for the next
    invoice with that.
    """
    credited: list[Obj] = []
    for item in subscription["items"]["data"]:
        if unused_from != "none":
            start = item["current_period_start"] if unused_from == "item_current_period_start" else tx.now
            credited += credit_unused(tx, subscription, item, start)
        item["current_period_end"] = tx.now
    pending_updates.discard(tx, subscription)
    invoice = None
    if credited and invoice_now:
        invoice = _make_invoice(tx, subscription, pending_lines(tx, subscription), auto_advance=True)
        subscription["latest_invoice"] = invoice["id"]
    fall_asleep(tx, subscription, "pause_requested")
    if invoice is not None:
        finalize(tx, invoice)
        _collect(tx, invoice)


def _collect(tx: Tx, invoice: Obj) -> None:
    """Nobody waits for this try: a failed one is tried again."""
    if invoice["amount_due"] == 0:
        collection.settle(tx, invoice, None)
    else:
        collection.collect_quietly(tx, invoice)


def fall_asleep(tx: Tx, subscription: Obj, why: str) -> None:
    """Status `paused`, with Stripe's word for why in `status_details`."""
    tx.unschedule(subscription["id"])
    details = {"subscription": {"type": why}, "transitioned_at": tx.now, "type": "subscription"}
    subscription |= {"status": "paused", "status_details": {"paused": details}}
    tx.save(subscription, "customer.subscription.updated", "customer.subscription.paused")
    plan_ahead(tx, subscription)


def resume(tx: Tx, subscription: Obj, how: Resuming) -> None:
    """Back to life, at once where nothing is to be paid; else once the invoice of its resumption is settled."""
    anchor = subscription["billing_cycle_anchor"] if how.keep_anchor else tx.now
    items = subscription["items"]["data"]
    periods = {item["id"]: list(_period(tx, item, anchor, how)) for item in items}
    plan = {"anchor": anchor, "periods": periods, "on_success": how.on_success}
    invoice = _invoice(tx, subscription, periods, how)
    if invoice is None:
        resumption.apply(tx, subscription, plan, "active")
        return
    expires_at = tx.now + (_SUCCESS_SECONDS if how.on_success else _ATTEMPT_SECONDS)
    resumption.await_settlement(tx, subscription, invoice, plan, expires_at)
    tx.save(subscription, "customer.subscription.updated")
    finalize(tx, invoice)
    if how.on_success or invoice["amount_due"] == 0:
        _collect(tx, invoice)
    else:
        payment_of(tx, invoice)


def kept_period(tx: Tx, subscription: Obj) -> tuple[int, int]:
    """The time within which a resumption that keeps the anchor can be prorated: what all items' periods share."""
    anchor = subscription["billing_cycle_anchor"]
    around = [period_around(anchor, tx.now, item["price"]["recurring"]) for item in subscription["items"]["data"]]
    return max(start for start, _ in around), min(end for _, end in around)


def _period(tx: Tx, item: Obj, anchor: int, how: Resuming) -> tuple[int, int]:
    around = period_around(anchor, tx.now, item["price"]["recurring"])
    return around if how.keep_anchor else (tx.now, around[1])


def _invoice(tx: Tx, subscription: Obj, periods: dict[str, list[int]], how: Resuming) -> Obj | None:
    """The draft of its resumption: for periods that begin now or, where wanted, for the rest of those that run."""
    begun = [resumption.in_period(item, *periods[item["id"]]) for item in subscription["items"]["data"]]
    if not how.keep_anchor:
        lines = [subscription_line(tx, subscription, item, trial=False) for item in begun]
    elif how.proration_behavior == "none":
        return None
    else:
        at = tx.now if how.proration_date is None else how.proration_date
        for item in begun:
            charge_rest(tx, subscription, item, at)
        if how.proration_behavior == "create_prorations":
            return None
        lines = []
    return _make_invoice(tx, subscription, [*pending_lines(tx, subscription), *lines], auto_advance=how.on_success)


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
