"""Bills the update of a subscription: credits, charges, invoices, and a new billing cycle.

Source: Stripe, "Prorations", "Change the price of existing subscriptions", and the update operation's description.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import collection, pending_updates, subscription_status
from licet_sandbox.billing.collection.paused_collection import apply_pause_behavior, is_collection_stopped
from licet_sandbox.billing.collection.sent_invoices import is_sent_invoice, send_invoice
from licet_sandbox.billing.invoices.invoices import finalize_invoice, make_invoice, open_payment
from licet_sandbox.billing.invoices.lines import amount_of, subscription_line
from licet_sandbox.billing.invoices.pending_lines import pending_lines
from licet_sandbox.billing.next_due import schedule_due_work
from licet_sandbox.billing.periods import period_end
from licet_sandbox.billing.subscriptions.cancel_at import clip_period_end, move_period_ends
from licet_sandbox.billing.subscriptions.proration import charge_remaining, credit_unused
from licet_sandbox.billing.subscriptions.trial_end import end_early_without_card
from licet_sandbox.errors import StripeError

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_UNBILLED_STATUSES = ("incomplete", "paused", "canceled", "incomplete_expired")


@dataclass(frozen=True)
class BillingOptions:
    """How an update is billed, by the names of Stripe's parameters.

    anchor: `now`, `unchanged`, `automatic` (a phase of a schedule starts), or None if it was not given
    """

    proration_behavior: str = "create_prorations"
    proration_date: int | None = None
    anchor: str | None = None
    payment_behavior: str = "allow_incomplete"
    off_session: bool = False


def apply_change(tx: Tx, subscription: Obj, before: Obj, options: BillingOptions) -> None:
    """Bills and saves an update. before: a deep copy of the subscription before it.

    Raises the 402 of a failed payment with `error_if_incomplete`, which rolls back the whole transaction.
    """
    if end_early_without_card(tx, subscription, before):
        return
    invoice = bill_change(tx, subscription, before, options)
    if invoice is not None and options.payment_behavior == "pending_if_incomplete":
        pending_updates.defer_update(tx, subscription, before, invoice)
        _collect_pending_update(tx, invoice, options)
        pending_updates.show_pending_update(tx, subscription)
        return
    tx.save(subscription, "customer.subscription.updated")
    schedule_due_work(tx, subscription)
    if invoice is not None:
        _collect(tx, subscription, invoice, options)


def bill_change(tx: Tx, subscription: Obj, before: Obj, options: BillingOptions) -> Obj | None:
    """Creates the prorations, the new periods, and the draft that is billed now, or None.

    The caller saves.
    """
    if subscription["status"] in _UNBILLED_STATUSES:
        return None
    resets_anchor = _resets_anchor(before, subscription, options)
    prorated = _prorate(tx, subscription, before, options, resets_anchor=resets_anchor)
    if not resets_anchor and not (prorated and options.proration_behavior == "always_invoice"):
        return None
    lines = pending_lines(tx, subscription)
    if resets_anchor:
        trial = subscription["status"] == "trialing"
        lines += [subscription_line(tx, subscription, item, trial=trial) for item in subscription["items"]["data"]]
    stopped = is_collection_stopped(subscription)
    invoice = make_invoice(
        tx,
        tx.get("customer", subscription["customer"]),
        lines,
        subscription=subscription,
        billing_reason="subscription_update",
        auto_advance=not stopped,
        period_start=min(item["current_period_start"] for item in before["items"]["data"]),
    )
    subscription["latest_invoice"] = invoice["id"]
    return invoice


def _resets_anchor(before: Obj, subscription: Obj, options: BillingOptions) -> bool:
    """True if the update starts a new billing cycle now.

    It does if that was requested, and if a trial starts or ends. It does if the interval changes or the old
    price was free, but in flexible mode only if a phase starts: otherwise the anchor stays, and the rest of a period
    of the new interval is prorated. Source: Stripe, "Set the subscription billing renewal date"; for phases, the
    description of `billing_cycle_anchor`.
    """
    trial = ("trial_end", "status")
    if options.anchor == "now" or any(before[key] != subscription[key] for key in trial):
        return True
    if options.anchor == "unchanged" or subscription["status"] == "trialing":
        return False
    if subscription["billing_mode"]["type"] == "flexible" and options.anchor != "automatic":
        return False
    old, new = before["items"]["data"], subscription["items"]["data"]
    was_free = not any(_amount(item) for item in old) and any(_amount(item) for item in new)
    return was_free or not {_interval(item) for item in old} & {_interval(item) for item in new}


def _amount(item: Obj) -> int:
    return amount_of(item["price"], item["quantity"])


def _interval(item: Obj) -> tuple[str, int]:
    recurring = item["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def _prorate(tx: Tx, subscription: Obj, before: Obj, options: BillingOptions, *, resets_anchor: bool) -> bool:
    """Creates credits and charges for what changed; True if there are any. Trials are never prorated."""
    prorating = options.proration_behavior != "none" and before["status"] != "trialing"
    at = tx.now if options.proration_date is None else options.proration_date
    if resets_anchor:
        _reset_periods(tx, subscription)
    made = [] if resets_anchor else move_period_ends(tx, subscription, before, prorating=prorating)
    if not prorating:
        return False
    now_items = {item["id"]: item for item in subscription["items"]["data"]}
    old_items = {item["id"]: item for item in before["items"]["data"]}
    for item_id in old_items | now_items:
        old, new = old_items.get(item_id), now_items.get(item_id)
        if not resets_anchor and old is not None and new is not None and _is_billed_alike(old, new):
            continue
        if old is not None:
            made += credit_unused(tx, before, old, at)
        if new is not None and not resets_anchor and at < new["current_period_end"]:
            made.append(charge_remaining(tx, subscription, new, at))
    return bool(made)


def _is_billed_alike(old: Obj, new: Obj) -> bool:
    return bool(old["price"]["id"] == new["price"]["id"] and old["quantity"] == new["quantity"])


def _reset_periods(tx: Tx, subscription: Obj) -> None:
    """Starts the periods of all items now, until the end of a trial if there is one."""
    trial_end = subscription["trial_end"] if subscription["status"] == "trialing" else None
    subscription["billing_cycle_anchor"] = trial_end or tx.now
    for item in subscription["items"]["data"]:
        item["current_period_start"] = tx.now
        item["current_period_end"] = trial_end or clip_period_end(
            subscription, period_end(tx.now, tx.now, item["price"]["recurring"])
        )


def _collect(tx: Tx, subscription: Obj, invoice: Obj, options: BillingOptions) -> None:
    if is_collection_stopped(subscription):
        apply_pause_behavior(tx, subscription, invoice)
        return
    finalize_invoice(tx, invoice)
    if invoice["amount_due"] == 0:
        collection.record_payment(tx, invoice, None)
        return
    if is_sent_invoice(invoice):
        send_invoice(tx, invoice)
        return
    if options.payment_behavior == "default_incomplete":
        open_payment(tx, invoice)
    else:
        _collect_now(tx, invoice, options)
    if invoice["status"] != "paid":
        subscription_status.invoice_requires_payment(tx, invoice)


def _collect_now(tx: Tx, invoice: Obj, options: BillingOptions) -> None:
    strict = options.payment_behavior == "error_if_incomplete"
    try:
        collection.collect(tx, invoice, off_session=options.off_session)
    except StripeError as refusal:
        if strict or not refusal.keep:
            refusal.keep = False
            raise
    if strict and invoice["status"] != "paid":
        raise action_required_error()


def action_required_error() -> StripeError:
    """The 402 of a payment that requires 3D Secure although it must succeed at once."""
    message = "Payment for this subscription requires additional user action before it can be completed successfully."
    code = "subscription_payment_intent_requires_action"
    return StripeError(402, {"type": "card_error", "code": code, "message": message})


def _collect_pending_update(tx: Tx, invoice: Obj, options: BillingOptions) -> None:
    """Collects the invoice of a pending update: paid, or left open without retries."""
    invoice["auto_advance"] = False
    finalize_invoice(tx, invoice)
    if invoice["amount_due"] == 0:
        collection.record_payment(tx, invoice, None)
    else:
        _collect_now(tx, invoice, options)
