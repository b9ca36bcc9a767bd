"""Subscriptions: create, update, cancel."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import collection, pending_updates, subscription_status
from licet_sandbox.billing.collection.draft_invoices import DRAFT_SECONDS, finalize_due, schedule_finalization
from licet_sandbox.billing.collection.sent_invoices import is_sent_invoice
from licet_sandbox.billing.customers.one_currency import check_one_currency
from licet_sandbox.billing.customers.test_clocks import check_subscription_limit
from licet_sandbox.billing.invoices.invoice_items import delete_pending_prorations
from licet_sandbox.billing.invoices.invoices import finalize_invoice, open_payment
from licet_sandbox.billing.next_due import ended, schedule_due_work
from licet_sandbox.billing.payments.payment_methods import owned_method
from licet_sandbox.billing.schedules.direct_changes import sync_schedule
from licet_sandbox.billing.subscriptions import updates
from licet_sandbox.billing.subscriptions.pending_setup_intent import authenticate_new_card, create_pending_setup_intent
from licet_sandbox.billing.subscriptions.proration import credit_unused
from licet_sandbox.billing.subscriptions.subscriptions import (
    INCOMPLETE_SECONDS,
    final_invoice,
    first_invoice,
    make_subscription,
)
from licet_sandbox.errors import StripeError, invalid
from licet_sandbox.kit.fields import merge_metadata, metadata_of
from licet_sandbox.kit.lists import Where, page, ranged, same
from licet_sandbox.resources.catalogue.discounts import set_discounts
from licet_sandbox.resources.subscriptions import update_params
from licet_sandbox.resources.subscriptions.collection_params import subscription_collection
from licet_sandbox.resources.subscriptions.create_params import (
    add_invoice_items,
    billing_mode,
    chosen_items,
    first_anchor,
    first_trial_end,
    start_date_of,
    trial_settings,
)
from licet_sandbox.resources.subscriptions.item_changes import change_items, check_items
from licet_sandbox.resources.subscriptions.proration_params import check_changeable, read_terms
from licet_sandbox.resources.subscriptions.subscription_pauses import set_collection

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_BILLED = ("items", "trial_end", "trial_from_plan", "billing_cycle_anchor", "add_invoice_items")


def create(tx: Tx, p: Params) -> Obj:
    """Create a subscription and pay its first invoice. If that fails, it stays `incomplete`."""
    if p.peek("payment_behavior") == "pending_if_incomplete":
        message = (
            "`payment_behavior=pending_if_incomplete` is only for updates. Use another value to create a subscription."
        )
        raise invalid(message, param="payment_behavior")
    customer = tx.named("customer", p.need("customer"), "customer")
    check_subscription_limit(tx, customer)
    subscription = build_subscription(tx, customer, p, anchor=p.get("billing_cycle_anchor"))
    _set_card(tx, subscription, p)
    update_params.set_payment_settings(subscription, p)
    update_params.set_invoice_settings(subscription, p)
    update_params.set_scheduled_cancellation(tx, subscription, p)
    update_params.clip_first_period(subscription)
    tx.insert(subscription, "customer.subscription.created")
    _start(tx, subscription, p)
    return subscription


def build_subscription(tx: Tx, customer: Obj, p: Params, *, anchor: int | None) -> Obj:
    """Build the subscription that the parameters describe, without storing it."""
    update_params.refuse_unsupported(p)
    chosen = chosen_items(tx, p)
    check_one_currency(tx, customer["id"], chosen[0]["price"]["currency"])
    trial_end, collected = first_trial_end(tx, p, chosen), subscription_collection(p)
    # A sent invoice is paid later; the subscription is active before that.
    charged = collected["collection_method"] == "charge_automatically"
    subscription = make_subscription(
        tx,
        customer,
        chosen,
        status="trialing" if trial_end is not None else "incomplete" if charged else "active",
        trial_end=trial_end,
        anchor=first_anchor(tx, p, anchor, chosen, trial_end),
        billing_mode=billing_mode(p),
        description=p.text("description"),
        metadata=metadata_of(p),
        start_date=start_date_of(tx, p),
        trial_settings=trial_settings(p),
        **collected,
    )
    check_items(subscription)
    use = update_params.discount_context_of(subscription)
    set_discounts(tx, subscription, p, use, subscription=subscription["id"])
    for item, given in zip(subscription["items"]["data"], p.subs("items"), strict=True):
        set_discounts(tx, item, given, use, ancestors=subscription["discounts"], subscription_item=item["id"])
    return subscription


def _start(tx: Tx, subscription: Obj, p: Params) -> None:
    behavior = p.get("payment_behavior", "allow_incomplete")
    off_session = p.get("off_session", False)
    add_invoice_items(tx, subscription, p)
    invoice = first_invoice(tx, subscription, prorated=p.get("proration_behavior") != "none")
    tx.save(subscription)
    if is_sent_invoice(invoice) and invoice["amount_due"] > 0:
        invoice["automatically_finalizes_at"] = tx.now + DRAFT_SECONDS
        tx.save(invoice)
        schedule_finalization(tx, invoice)
        schedule_due_work(tx, subscription)
        return
    finalize_invoice(tx, invoice)
    if subscription["status"] == "incomplete":
        tx.schedule("subscription.incomplete_expire", subscription["id"], tx.now + INCOMPLETE_SECONDS)
    if invoice["amount_due"] == 0:
        collection.record_payment(tx, invoice, None)
        create_pending_setup_intent(tx, subscription, confirmed=behavior != "default_incomplete")
    elif behavior == "default_incomplete":
        open_payment(tx, invoice)
    else:
        try:
            collection.collect(tx, invoice, off_session=off_session)
        except StripeError as refusal:
            if behavior == "error_if_incomplete":
                refusal.keep = False
                raise
        if behavior == "error_if_incomplete" and invoice["status"] != "paid":
            raise updates.action_required_error()
    schedule_due_work(tx, subscription)


def _set_card(tx: Tx, subscription: Obj, p: Params) -> None:
    if "default_payment_method" in p:
        chosen = p.text("default_payment_method")
        if chosen is not None:
            chosen = owned_method(tx, chosen, subscription["customer"], "default_payment_method")["id"]
        subscription["default_payment_method"] = chosen


def update(tx: Tx, p: Params, subscription_id: str) -> Obj:
    """Update a subscription; the difference is billed as `proration_behavior` says."""
    subscription = tx.get("subscription", subscription_id)
    if ended(subscription):
        message = "A canceled subscription can only update its cancellation_details and metadata."
        if set(p.names()) - {"metadata", "cancellation_details", "expand"}:
            raise invalid(message, code="invalid_canceled_subscription_fields")
    if any(name in p for name in _BILLED):
        check_changeable(subscription)
        pending_updates.discard_update(tx, subscription)
    before = copy.deepcopy(subscription)
    how = read_terms(subscription, p)
    apply_params(tx, subscription, p)
    updates.apply_change(tx, subscription, before, how)
    sync_schedule(tx, subscription)
    if subscription["default_payment_method"] != before["default_payment_method"]:
        authenticate_new_card(tx, subscription)
    return subscription


def apply_params(tx: Tx, subscription: Obj, p: Params) -> None:
    """Apply the parameters of an update, without billing or saving."""
    update_params.refuse_unsupported(p)
    _set_card(tx, subscription, p)
    update_params.set_payment_settings(subscription, p)
    update_params.set_invoice_settings(subscription, p)
    subscription |= subscription_collection(p, subscription)
    if "description" in p:
        subscription["description"] = p.text("description")
    if "trial_settings" in p:
        subscription["trial_settings"] = trial_settings(p)
    merge_metadata(subscription, p)
    update_params.set_cancellation_details(subscription, p)
    update_params.change_trial(tx, subscription, p)
    if "items" in p:
        change_items(tx, subscription, p)
    set_discounts(tx, subscription, p, update_params.discount_context_of(subscription), subscription=subscription["id"])
    update_params.set_scheduled_cancellation(tx, subscription, p)
    set_collection(tx, subscription, p)
    add_invoice_items(tx, subscription, p)


def cancel(tx: Tx, p: Params, subscription_id: str) -> Obj:
    """Cancel immediately. `prorate` credits unused time; `invoice_now` invoices pending items."""
    subscription = tx.get("subscription", subscription_id)
    if ended(subscription):
        raise invalid(f"No such subscription: '{subscription_id}'", param="id", code="resource_missing", status=404)
    update_params.set_cancellation_details(subscription, p)
    cancel_now(tx, subscription, prorate=p.get("prorate", False), invoice_now=p.get("invoice_now", False))
    return subscription


def cancel_now(tx: Tx, subscription: Obj, *, prorate: bool, invoice_now: bool) -> None:
    """End a subscription, with a final invoice if requested and there is something to bill."""
    if prorate:
        for item in subscription["items"]["data"]:
            credit_unused(tx, subscription, item, tx.now)
    elif not invoice_now:
        delete_pending_prorations(tx, subscription)
    subscription_status.end_subscription(tx, subscription, reason="cancellation_requested")
    invoice = final_invoice(tx, subscription, reason="subscription_update") if invoice_now else None
    if invoice is not None:
        tx.unschedule(invoice["id"])
        finalize_due(tx, invoice["id"])


def retrieve(tx: Tx, _: Params, subscription_id: str) -> Obj:
    """Retrieve a subscription, also after it has ended."""
    return tx.get("subscription", subscription_id)


def list_all(tx: Tx, p: Params) -> Obj:
    """List subscriptions, newest first; canceled ones only if `status` includes them."""
    status = p.get("status")
    wheres: list[Where] = []
    if status is None:
        wheres.append(("json ->> '$.status' != 'canceled'", ()))
    elif status == "ended":
        wheres.append(("json ->> '$.status' IN ('canceled', 'incomplete_expired')", ()))
    elif status != "all":
        wheres.append(("json ->> '$.status' = ?", (status,)))
    for name in ("price", "plan"):
        if name in p:
            with_price = (
                "EXISTS (SELECT 1 FROM json_each(objects.json, '$.items.data') WHERE value ->> '$.price.id' = ?)"
            )
            wheres.append((with_price, (p.get(name),)))
    for choose, name in (("max", "current_period_start"), ("min", "current_period_end")):
        column = f"(SELECT {choose}(value ->> '$.{name}') FROM json_each(objects.json, '$.items.data'))"  # noqa: S608
        wheres += ranged(p, name, column)
    if "automatic_tax" in p:
        wheres.append(("json ->> '$.automatic_tax.enabled' = ?", (p.sub("automatic_tax").need("enabled"),)))
    return page(
        tx, p, "subscription", "/v1/subscriptions", same(p, "customer", "collection_method", "test_clock"), wheres
    )
