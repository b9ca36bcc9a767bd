"""A subscription over time: it starts, renews and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.collection import collection, subscription_status
from licet_sandbox.billing.collection.draft_invoices import DRAFT_SECONDS, schedule_finalization
from licet_sandbox.billing.collection.paused_collection import apply_pause_behavior, is_collection_stopped
from licet_sandbox.billing.invoices.invoice_items import pending_items
from licet_sandbox.billing.invoices.invoices import finalize_invoice, link_payment, make_invoice
from licet_sandbox.billing.invoices.lines import item_line, one_time_line, subscription_line
from licet_sandbox.billing.invoices.pending_lines import pending_lines
from licet_sandbox.billing.next_due import ended, schedule_due_work
from licet_sandbox.billing.periods import period_end
from licet_sandbox.billing.subscriptions.cancel_at import clip_period_end
from licet_sandbox.billing.subscriptions.proration import elapsed_line, period_line
from licet_sandbox.billing.subscriptions.trial_end import end_without_card
from licet_sandbox.ids import new_id
from licet_sandbox.kit.plans import plan_of

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_HOUR = 3600
INCOMPLETE_SECONDS = 23 * _HOUR


def make_subscription(
    tx: Tx,
    customer: Obj,
    chosen: list[dict[str, Any]],
    *,
    status: str,
    trial_end: int | None = None,
    anchor: int | None = None,
    **fields: Any,
) -> Obj:
    """A subscription that starts now; not yet stored.

    chosen: one `{"price", "quantity", "metadata"}` per item
    status: `active`, `trialing` or `incomplete`
    anchor: of the billing cycle; by default the end of the trial, or now
    """
    subscription_id = new_id("subscription")
    anchor = anchor or trial_end or tx.now
    items = [
        make_subscription_item(tx, subscription_id, choice, tx.now, anchor, trial_end=trial_end) for choice in chosen
    ]
    return tx.new(
        "subscription",
        **{
            "id": subscription_id,
            "billing_cycle_anchor": anchor,
            "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}},
            "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
            "collection_method": "charge_automatically",
            "currency": chosen[0]["price"]["currency"],
            "customer": customer["id"],
            "default_tax_rates": [],
            "invoice_settings": {
                "account_tax_ids": None,
                "custom_fields": None,
                "description": None,
                "footer": None,
                "issuer": {"type": "self"},
            },
            "items": {
                "object": "list",
                "data": items,
                "has_more": False,
                "url": f"/v1/subscription_items?subscription={subscription_id}",
            },
            "payment_settings": {
                "payment_method_options": None,
                "payment_method_types": None,
                "save_default_payment_method": "off",
            },
            "start_date": tx.now,
            "status": status,
            "trial_end": trial_end,
            "trial_start": tx.now if trial_end else None,
            "trial_settings": {
                "end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": "create_invoice"}
            },
            **fields,
        },
    )


def make_subscription_item(
    tx: Tx, subscription_id: str, choice: dict[str, Any], start: int, anchor: int, *, trial_end: int | None = None
) -> Obj:
    """A subscription item, in the period that contains `start`."""
    price = choice["price"]
    return tx.new(
        "subscription_item",
        current_period_start=start,
        current_period_end=trial_end or period_end(anchor, start, price["recurring"]),
        metadata=choice.get("metadata") or {},
        plan=plan_of(price),
        price=price,
        quantity=choice["quantity"],
        subscription=subscription_id,
        tax_rates=[],
    )


def first_invoice(
    tx: Tx, subscription: Obj, *, prorated: bool = True, extras: list[tuple[Obj, int]] | None = None
) -> Obj:
    """Creates the draft for the first period (0 during a trial), earlier time, and pending items.

    prorated: charge a partial period, which an anchor or a past start makes
    extras: one-time prices and quantities that were paid ahead; pending items then stay pending
    """
    customer = tx.get("customer", subscription["customer"])
    lines = []
    for item in subscription["items"]["data"]:
        if prorated and subscription["start_date"] < tx.now:
            lines.append(elapsed_line(tx, subscription, item))
        if subscription["trial_end"] is not None:
            lines.append(subscription_line(tx, subscription, item, trial=True))
        else:
            lines.append(period_line(tx, subscription, item, prorated=prorated))
    if extras is None:
        lines += pending_lines(tx, subscription)
    else:
        lines += [one_time_line(tx, customer["id"], price, quantity, subscription["id"]) for price, quantity in extras]
    invoice = make_invoice(
        tx,
        customer,
        lines,
        subscription=subscription,
        paid_ahead=extras is not None,
        billing_reason="subscription_create",
    )
    subscription["latest_invoice"] = invoice["id"]
    return invoice


def start_paid_subscription(tx: Tx, subscription: Obj, extras: list[tuple[Obj, int]], intent: Obj | None) -> Obj:
    """Starts a subscription after its payment, as Checkout does; returns the paid invoice.

    intent: the payment; None if nothing was due
    """
    tx.insert(subscription, "customer.subscription.created")
    invoice = first_invoice(tx, subscription, extras=extras)
    finalize_invoice(tx, invoice)
    payment = link_payment(tx, invoice, intent) if intent is not None else None
    if payment is not None:
        invoice["attempt_count"] = 1
    tx.save(subscription, "customer.subscription.updated")
    collection.record_payment(tx, invoice, payment)
    schedule_due_work(tx, subscription)
    return invoice


def warn_trial_end(tx: Tx, subscription_id: str) -> None:
    """Emits `trial_will_end` three days before a trial ends, or at once for a shorter trial."""
    subscription = tx.get("subscription", subscription_id)
    if subscription["status"] != "trialing":
        return
    subscription["_"] = {**subscription.get("_", {}), "warned": True}
    tx.save(subscription, "customer.subscription.trial_will_end")


def cancel_due(tx: Tx, subscription_id: str) -> None:
    """Ends the subscription at `cancel_at`."""
    subscription = tx.get("subscription", subscription_id)
    if not ended(subscription):
        subscription_status.end_subscription(tx, subscription, reason="cancellation_requested")
        final_invoice(tx, subscription)


def renew(tx: Tx, subscription_id: str) -> None:
    """Starts the next period after a period or a trial has ended.

    Its draft is charged about an hour later.
    """
    subscription = tx.get("subscription", subscription_id)
    if ended(subscription) or subscription["status"] in {"incomplete", "paused"}:
        return
    due = [item for item in subscription["items"]["data"] if item["current_period_end"] <= tx.now]
    if not due:
        # A phase of its schedule that started in this second has moved the periods.
        return
    if subscription["status"] == "trialing":
        if end_without_card(tx, subscription):
            return
        subscription["status"] = "active"
    began = min(item["current_period_start"] for item in due)
    for item in due:
        item["current_period_start"] = item["current_period_end"]
        start, recurring = item["current_period_start"], item["price"]["recurring"]
        item["current_period_end"] = clip_period_end(
            subscription, period_end(subscription["billing_cycle_anchor"], start, recurring)
        )
    invoice = renewal_invoice(tx, subscription, due, began)
    subscription["latest_invoice"] = invoice["id"]
    tx.save(subscription, "customer.subscription.updated")
    schedule_due_work(tx, subscription)


def renewal_invoice(tx: Tx, subscription: Obj, items: list[Obj], began: int) -> Obj:
    """Creates the draft for the period that starts now; it is finalized an hour later."""
    customer = tx.get("customer", subscription["customer"])
    stopped = is_collection_stopped(subscription)
    invoice = make_invoice(
        tx,
        customer,
        pending_lines(tx, subscription) + [period_line(tx, subscription, item) for item in items],
        subscription=subscription,
        billing_reason="subscription_cycle",
        auto_advance=not stopped,
        automatically_finalizes_at=None if stopped else tx.now + DRAFT_SECONDS,
        period_start=began,
    )
    if stopped:
        apply_pause_behavior(tx, subscription, invoice)
    else:
        schedule_finalization(tx, invoice)
    return invoice


def final_invoice(tx: Tx, subscription: Obj, *, reason: str = "subscription_cycle") -> Obj | None:
    """Creates the draft for pending items of an ended subscription, if there are any."""
    of = (subscription["id"],)
    items = pending_items(tx, subscription["customer"], subscription["currency"], of=of)
    customer = tx.find(subscription["customer"])
    if not items or customer is None:
        return None
    invoice = make_invoice(
        tx,
        customer,
        [item_line(tx, item) for item in items],
        subscription=subscription,
        billing_reason=reason,
        automatically_finalizes_at=tx.now + DRAFT_SECONDS,
        period_start=min(item["current_period_start"] for item in subscription["items"]["data"]),
    )
    schedule_finalization(tx, invoice)
    subscription["latest_invoice"] = invoice["id"]
    tx.save(subscription)
    return invoice
