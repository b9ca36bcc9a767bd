"""A subscription over time: how it starts, renews, and comes to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.collection import collection, subscription_status
from licet_sandbox.billing.collection.paused_collection import is_held, put_away
from licet_sandbox.billing.invoices.invoice_items import pending_items
from licet_sandbox.billing.invoices.invoices import finalize, link_payment, make_invoice
from licet_sandbox.billing.invoices.lines import item_line, one_time_line, subscription_line
from licet_sandbox.billing.invoices.pending_lines import pending_lines
from licet_sandbox.billing.next_due import ended, plan_ahead
from licet_sandbox.billing.periods import period_end
from licet_sandbox.billing.subscriptions.cancel_at import clip
from licet_sandbox.billing.subscriptions.pauses import fall_asleep
from licet_sandbox.billing.subscriptions.proration import elapsed_line, period_line
from licet_sandbox.ids import new_id
from licet_sandbox.kit.plans import plan_of

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_HOUR = 3600
INCOMPLETE_SECONDS = 23 * _HOUR
DRAFT_SECONDS = _HOUR


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

    chosen: one `{"price", "quantity", "metadata"}` per item; status: `active`, `trialing` or `incomplete`; anchor: of
    the billing cycle, by default the end of the trial, or now.
    """
    subscription_id = new_id("subscription")
    anchor = anchor or trial_end or tx.now
    items = [make_item(tx, subscription_id, choice, tx.now, anchor, trial_end=trial_end) for choice in chosen]
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


def make_item(
    tx: Tx, subscription_id: str, choice: dict[str, Any], start: int, anchor: int, *, trial_end: int | None = None
) -> Obj:
    """One item, in the period that holds `start`."""
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
    """The draft for the first period (nothing during a trial), the time before it, and what is pending.

    prorated: is a period charged for that is not a whole one, because of an anchor or a start that is past?
    extras: bought once, and paid ahead together with it; what is pending then stays so.
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


def start_paid(tx: Tx, subscription: Obj, extras: list[tuple[Obj, int]], intent: Obj | None) -> Obj:
    """As Checkout does it: the payment (None: nothing was due) came first. Answers the paid invoice."""
    tx.insert(subscription, "customer.subscription.created")
    invoice = first_invoice(tx, subscription, extras=extras)
    finalize(tx, invoice)
    payment = link_payment(tx, invoice, intent) if intent is not None else None
    if payment is not None:
        invoice["attempt_count"] = 1
    tx.save(subscription, "customer.subscription.updated")
    collection.settle(tx, invoice, payment)
    plan_ahead(tx, subscription)
    return invoice


def warn_of_trial_end(tx: Tx, subscription_id: str) -> None:
    """Three days before a trial ends, or at once where it is shorter."""
    subscription = tx.get("subscription", subscription_id)
    if subscription["status"] != "trialing":
        return
    subscription["_"] = {**subscription.get("_", {}), "warned": True}
    tx.save(subscription, "customer.subscription.trial_will_end")


def cancel_due(tx: Tx, subscription_id: str) -> None:
    """A scheduled end was reached."""
    subscription = tx.get("subscription", subscription_id)
    if not ended(subscription):
        subscription_status.end(tx, subscription, reason="cancellation_requested")
        final_invoice(tx, subscription)


def cycle(tx: Tx, subscription_id: str) -> None:
    """A period or a trial ended: the next one begins, with a draft that is charged about an hour later."""
    subscription = tx.get("subscription", subscription_id)
    if ended(subscription) or subscription["status"] in {"incomplete", "paused"}:
        return
    due = [item for item in subscription["items"]["data"] if item["current_period_end"] <= tx.now]
    if not due:
        # A phase of its schedule that began in this second moved the periods.
        return
    if subscription["status"] == "trialing" and not _leave_trial(tx, subscription):
        return
    began = min(item["current_period_start"] for item in due)
    for item in due:
        item["current_period_start"] = item["current_period_end"]
        start, recurring = item["current_period_start"], item["price"]["recurring"]
        item["current_period_end"] = clip(
            subscription, period_end(subscription["billing_cycle_anchor"], start, recurring)
        )
    invoice = renewal_invoice(tx, subscription, due, began)
    subscription["latest_invoice"] = invoice["id"]
    tx.save(subscription, "customer.subscription.updated")
    plan_ahead(tx, subscription)


def renewal_invoice(tx: Tx, subscription: Obj, items: list[Obj], began: int) -> Obj:
    """The draft for the period that begins now; it is finalized an hour later."""
    customer = tx.get("customer", subscription["customer"])
    held = is_held(subscription)
    invoice = make_invoice(
        tx,
        customer,
        pending_lines(tx, subscription) + [period_line(tx, subscription, item) for item in items],
        subscription=subscription,
        billing_reason="subscription_cycle",
        auto_advance=not held,
        automatically_finalizes_at=None if held else tx.now + DRAFT_SECONDS,
        period_start=began,
    )
    if held:
        put_away(tx, subscription, invoice)
    else:
        tx.schedule("invoice.finalize", invoice["id"], tx.now + DRAFT_SECONDS)
    return invoice


def final_invoice(tx: Tx, subscription: Obj, *, reason: str = "subscription_cycle") -> Obj | None:
    """After the end: the draft for what is still pending for it, if anything is."""
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
    tx.schedule("invoice.finalize", invoice["id"], tx.now + DRAFT_SECONDS)
    subscription["latest_invoice"] = invoice["id"]
    tx.save(subscription)
    return invoice


def _leave_trial(tx: Tx, subscription: Obj) -> bool:
    """The trial is over; False where it ends in a pause or a cancellation because there is no card."""
    if collection.method_of(tx, subscription) is None:
        behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
        if behavior == "cancel":
            subscription_status.end(tx, subscription, reason=None)
            return False
        if behavior == "pause":
            fall_asleep(tx, subscription, "trial_end_without_payment_method")
            return False
    subscription["status"] = "active"
    return True
