"""A subscription is paused, and resumed: no service, no invoices, no new periods in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from licet_sandbox.billing import collection, resumption
from licet_sandbox.billing.agenda import plan_ahead
from licet_sandbox.billing.invoices import finalize, make_invoice, payment_of
from licet_sandbox.billing.lines import subscription_line
from licet_sandbox.billing.periods import period_around, period_end

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
    for item in subscription["items"]["data"]:
        item["current_period_end"] = tx.now
    subscription["pending_update"] = None
    fall_asleep(tx, subscription, "pause_requested")


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
    if invoice["amount_due"] == 0:
        collection.settle(tx, invoice, None)
    elif how.on_success:
        collection.collect_quietly(tx, invoice)
    else:
        payment_of(tx, invoice)


def _period(tx: Tx, item: Obj, anchor: int, how: Resuming) -> tuple[int, int]:
    recurring = item["price"]["recurring"]
    return (
        period_around(anchor, tx.now, recurring) if how.keep_anchor else (tx.now, period_end(anchor, tx.now, recurring))
    )


def _invoice(tx: Tx, subscription: Obj, periods: dict[str, list[int]], how: Resuming) -> Obj | None:
    """The draft for a period that starts afresh."""
    lines = []
    for item in subscription["items"]["data"]:
        start, end = periods[item["id"]]
        lines.append(
            subscription_line(
                tx, subscription, item | {"current_period_start": start, "current_period_end": end}, trial=False
            )
        )
    return make_invoice(
        tx,
        tx.get("customer", subscription["customer"]),
        lines,
        subscription=subscription,
        billing_reason="subscription_update",
        auto_advance=how.on_success,
    )
