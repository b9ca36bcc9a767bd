"""A subscription was changed: what that credits, charges and invoices, and when its billing cycle starts afresh.

Source: Stripe, "Prorations", "Change the price of existing subscriptions", and the update operation's description.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import collection, pending_updates, subscription_status
from licet_sandbox.billing.collection.paused_collection import is_held, put_away
from licet_sandbox.billing.collection.sent_invoices import is_by_mail, send
from licet_sandbox.billing.invoices.invoices import finalize, make_invoice, payment_of
from licet_sandbox.billing.invoices.lines import amount_of, subscription_line
from licet_sandbox.billing.invoices.pending_lines import pending_lines
from licet_sandbox.billing.next_due import plan_ahead
from licet_sandbox.billing.periods import period_end
from licet_sandbox.billing.subscriptions.cancel_at import clip, move_ends
from licet_sandbox.billing.subscriptions.proration import charge_rest, credit_unused
from licet_sandbox.errors import StripeError

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_SLEEPING = ("incomplete", "paused", "canceled", "incomplete_expired")


@dataclass(frozen=True)
class How:
    """How a change is billed, in Stripe's words.

    anchor: `now`, `unchanged`, `automatic` (a phase of a schedule begins), or None where nothing was said.
    """

    proration_behavior: str = "create_prorations"
    proration_date: int | None = None
    anchor: str | None = None
    payment_behavior: str = "allow_incomplete"
    off_session: bool = False


def apply(tx: Tx, subscription: Obj, before: Obj, how: How) -> None:
    """Bill a change and save it. before: a deep copy of the subscription as it was.

    Raises the 402 of a failed payment with `error_if_incomplete`, which takes back the whole transaction.
    """
    invoice = rebill(tx, subscription, before, how)
    if invoice is not None and how.payment_behavior == "pending_if_incomplete":
        pending_updates.hold_back(tx, subscription, before, invoice)
        _try_quietly(tx, invoice, how)
        pending_updates.show(tx, subscription)
        return
    tx.save(subscription, "customer.subscription.updated")
    plan_ahead(tx, subscription)
    if invoice is not None:
        _collect(tx, subscription, invoice, how)


def rebill(tx: Tx, subscription: Obj, before: Obj, how: How) -> Obj | None:
    """The prorations, the new periods, and (a draft) the invoice that is made at once, if any. The caller saves."""
    if subscription["status"] in _SLEEPING:
        return None
    afresh = _starts_afresh(before, subscription, how)
    prorated = _prorate(tx, subscription, before, how, afresh=afresh)
    if not afresh and not (prorated and how.proration_behavior == "always_invoice"):
        return None
    lines = pending_lines(tx, subscription)
    if afresh:
        trial = subscription["status"] == "trialing"
        lines += [subscription_line(tx, subscription, item, trial=trial) for item in subscription["items"]["data"]]
    held = is_held(subscription)
    invoice = make_invoice(
        tx,
        tx.get("customer", subscription["customer"]),
        lines,
        subscription=subscription,
        billing_reason="subscription_update",
        auto_advance=not held,
        period_start=min(item["current_period_start"] for item in before["items"]["data"]),
    )
    subscription["latest_invoice"] = invoice["id"]
    return invoice


def _starts_afresh(before: Obj, subscription: Obj, how: How) -> bool:
    """A new billing cycle from now on: asked for, or because a trial begins or ends.

    Also because the interval changes or it was free, but in flexible mode only where a phase begins: else the anchor
    stays, and the rest of a period of the new interval is prorated. Source: Stripe, "Set the subscription billing
    renewal date"; what a phase does, the description of its `billing_cycle_anchor`.
    """
    trial = ("trial_end", "status")
    if how.anchor == "now" or any(before[key] != subscription[key] for key in trial):
        return True
    if how.anchor == "unchanged" or subscription["status"] == "trialing":
        return False
    if subscription["billing_mode"]["type"] == "flexible" and how.anchor != "automatic":
        return False
    old, new = before["items"]["data"], subscription["items"]["data"]
    was_free = not any(_amount(item) for item in old) and any(_amount(item) for item in new)
    return was_free or not {_interval(item) for item in old} & {_interval(item) for item in new}


def _amount(item: Obj) -> int:
    return amount_of(item["price"], item["quantity"])


def _interval(item: Obj) -> tuple[str, int]:
    recurring = item["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def _prorate(tx: Tx, subscription: Obj, before: Obj, how: How, *, afresh: bool) -> bool:
    """Credits for what changed or ends, charges for the rest; are there any? Trials are never prorated."""
    prorating = how.proration_behavior != "none" and before["status"] != "trialing"
    at = tx.now if how.proration_date is None else how.proration_date
    if afresh:
        _begin(tx, subscription)
    made = [] if afresh else move_ends(tx, subscription, before, prorating=prorating)
    if not prorating:
        return False
    now_there = {item["id"]: item for item in subscription["items"]["data"]}
    were_there = {item["id"]: item for item in before["items"]["data"]}
    for item_id in were_there | now_there:
        old, new = were_there.get(item_id), now_there.get(item_id)
        if not afresh and old is not None and new is not None and _bills_the_same(old, new):
            continue
        if old is not None:
            made += credit_unused(tx, before, old, at)
        if new is not None and not afresh and at < new["current_period_end"]:
            made.append(charge_rest(tx, subscription, new, at))
    return bool(made)


def _bills_the_same(old: Obj, new: Obj) -> bool:
    return bool(old["price"]["id"] == new["price"]["id"] and old["quantity"] == new["quantity"])


def _begin(tx: Tx, subscription: Obj) -> None:
    """A new cycle from now on, or from the end of the trial that begins now."""
    trial_end = subscription["trial_end"] if subscription["status"] == "trialing" else None
    subscription["billing_cycle_anchor"] = trial_end or tx.now
    for item in subscription["items"]["data"]:
        item["current_period_start"] = tx.now
        item["current_period_end"] = trial_end or clip(
            subscription, period_end(tx.now, tx.now, item["price"]["recurring"])
        )


def _collect(tx: Tx, subscription: Obj, invoice: Obj, how: How) -> None:
    if is_held(subscription):
        put_away(tx, subscription, invoice)
        return
    finalize(tx, invoice)
    if invoice["amount_due"] == 0:
        collection.settle(tx, invoice, None)
        return
    if is_by_mail(invoice):
        send(tx, invoice)
        return
    if how.payment_behavior == "default_incomplete":
        payment_of(tx, invoice)
    else:
        _try(tx, invoice, how)
    if invoice["status"] != "paid":
        subscription_status.invoice_waits(tx, invoice)


def _try(tx: Tx, invoice: Obj, how: How) -> None:
    strict = how.payment_behavior == "error_if_incomplete"
    try:
        collection.collect(tx, invoice, off_session=how.off_session)
    except StripeError as refusal:
        if strict or not refusal.keep:
            refusal.keep = False
            raise
    if strict and invoice["status"] != "paid":
        raise action_required()


def action_required() -> StripeError:
    """The 402 of a payment that would need 3-D Secure, where only a payment at once would do."""
    message = "Payment for this subscription requires additional user action before it can be completed successfully."
    code = "subscription_payment_intent_requires_action"
    return StripeError(402, {"type": "card_error", "code": code, "message": message})


def _try_quietly(tx: Tx, invoice: Obj, how: How) -> None:
    """For a pending update: paid, or left open without retries."""
    invoice["auto_advance"] = False
    finalize(tx, invoice)
    if invoice["amount_due"] == 0:
        collection.settle(tx, invoice, None)
    else:
        _try(tx, invoice, how)
