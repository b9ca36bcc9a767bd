"""Invoice previews: run the real billing code in a transaction that is rolled back."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from licet_sandbox.billing.customers.customers import make_customer
from licet_sandbox.billing.invoices.invoice_items import pending_items
from licet_sandbox.billing.invoices.totals import compute_invoice_totals
from licet_sandbox.billing.next_due import ended, next_period_end
from licet_sandbox.billing.subscriptions import updates
from licet_sandbox.billing.subscriptions.subscriptions import first_invoice
from licet_sandbox.billing.upcoming import as_preview, rehearse_renewal
from licet_sandbox.errors import StripeError, invalid
from licet_sandbox.kit.fields import merge_metadata
from licet_sandbox.resources.catalogue.discounts import DiscountContext, set_discounts
from licet_sandbox.resources.invoices.invoice_items import build_invoice_item
from licet_sandbox.resources.previews.schedule_previews import names_schedule, scheduled_subscription
from licet_sandbox.resources.subscriptions import update_params
from licet_sandbox.resources.subscriptions.item_changes import change_items
from licet_sandbox.resources.subscriptions.proration_params import check_changeable, read_terms
from licet_sandbox.resources.subscriptions.subscriptions import build_subscription, cancel_now

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def create_preview(tx: Tx, p: Params) -> Obj:
    """Preview the next invoice of a subscription, of a change to it, or of a new one. Stores nothing."""
    p.sub("automatic_tax").refuse("enabled", False)
    p.sub("issuer").refuse("type", "self")
    with tx.rehearsal():
        invoice = _preview(tx, p)
        if invoice is None:
            raise _none_upcoming(p)
        if "discounts" in p:
            use = DiscountContext(invoice["customer"], invoice["currency"], invoice["subtotal"])
            set_discounts(tx, invoice, p, use, ancestors=tuple(invoice["discounts"]), invoice=invoice["id"])
            compute_invoice_totals(tx, invoice)
        return as_preview(invoice)


def _none_upcoming(p: Params) -> StripeError:
    name = p.text("subscription") or p.text("schedule") or p.text("customer")
    return invalid(f"No upcoming invoices for: '{name}'", code="invoice_upcoming_none", status=404)


def _preview(tx: Tx, p: Params) -> Obj | None:
    if names_schedule(p):
        return _preview_schedule(tx, p)
    details = p.sub("subscription_details")
    recurring = p.get("preview_mode", "next") == "recurring"
    if p.text("subscription") is None and "items" in details:
        return _preview_new(tx, p, details)
    subscription = _subscription(tx, p)
    if subscription is None or ended(subscription):
        return None
    _add_items(tx, p, subscription)
    if details.get("cancel_now", False):
        prorate = details.get("proration_behavior", "create_prorations") != "none"
        cancel_now(tx, subscription, prorate=prorate, invoice_now=True)
        return _invoice_made_now(tx, subscription)
    invoice = _preview_change(tx, subscription, details, recurring=recurring) if details else None
    if recurring and (invoice is None or subscription["status"] == "trialing"):
        _delete_pending_items(tx, subscription)
        return rehearse_renewal(tx, subscription)
    return invoice or rehearse_renewal(tx, subscription)


def _preview_schedule(tx: Tx, p: Params) -> Obj | None:
    """The invoice that a change or start of the schedule makes now, else the next renewal."""
    recurring = p.get("preview_mode", "next") == "recurring"
    subscription, made = scheduled_subscription(tx, p)
    if made is not None and not recurring:
        return made
    if recurring:
        _delete_pending_items(tx, subscription)
    _add_items(tx, p, subscription)
    return rehearse_renewal(tx, subscription)


def _invoice_made_now(tx: Tx, subscription: Obj) -> Obj | None:
    """The invoice that the preview has made, or None."""
    latest = None if subscription["latest_invoice"] is None else tx.find(subscription["latest_invoice"])
    return latest if latest is not None and latest["created"] == tx.now else None


def _subscription(tx: Tx, p: Params) -> Obj | None:
    """The named subscription, or the customer's next one to renew."""
    customer_id = p.text("customer")
    if p.text("subscription") is None:
        if customer_id is None:
            raise p.missing("customer")
        tx.named("customer", customer_id, "customer")
        found = tx.select("subscription", "json ->> '$.customer' = ?", customer_id)
        billed = [one for one in found if not ended(one) and one["status"] != "paused"]
        return min(billed, key=next_period_end, default=None)
    subscription = tx.named("subscription", p.get("subscription"), "subscription")
    if customer_id not in (None, subscription["customer"]):
        message = f"The subscription does not belong to the customer `{customer_id}`."
        raise invalid(message, param="subscription")
    return subscription


def _preview_change(tx: Tx, subscription: Obj, p: Params, *, recurring: bool) -> Obj | None:
    """Apply a change; returns the draft that it invoices immediately, or None."""
    check_changeable(subscription)
    before = copy.deepcopy(subscription)
    how = read_terms(subscription, p)
    if how.anchor == "timestamp":
        message = "Of an existing subscription the billing cycle anchor can only be `now` or `unchanged`."
        raise invalid(message, param=p.name("billing_cycle_anchor"))
    p.refuse("default_tax_rates", "", [])
    merge_metadata(subscription, p)
    update_params.change_trial(tx, subscription, p)
    if "items" in p:
        change_items(tx, subscription, p)
    update_params.set_scheduled_cancellation(tx, subscription, p)
    how = replace(how, proration_behavior="none") if recurring else how
    invoice = updates.bill_change(tx, subscription, before, how)
    tx.save(subscription)
    return invoice


def _preview_new(tx: Tx, p: Params, details: Params) -> Obj:
    """The first invoice of a new subscription."""
    customer = _customer(tx, p)
    anchor = details.sub("billing_cycle_anchor")
    kind = anchor.get("type")
    moment = anchor.need("timestamp") if kind == "timestamp" else None
    subscription = build_subscription(tx, customer, details, anchor=moment)
    tx.insert(subscription)
    update_params.set_scheduled_cancellation(tx, subscription, details)
    update_params.clip_first_period(subscription)
    _add_items(tx, p, subscription)
    return first_invoice(tx, subscription, prorated=details.get("proration_behavior") != "none")


def _customer(tx: Tx, p: Params) -> Obj:
    if p.text("customer") is not None:
        return tx.named("customer", p.get("customer"), "customer")
    return tx.insert(make_customer(tx))


def _add_items(tx: Tx, p: Params, subscription: Obj) -> None:
    customer = tx.get("customer", subscription["customer"])
    for given in p.subs("invoice_items"):
        build_invoice_item(tx, given, customer, subscription["currency"])


def _delete_pending_items(tx: Tx, subscription: Obj) -> None:
    of = (subscription["id"], None)
    for item in pending_items(tx, subscription["customer"], subscription["currency"], of=of):
        tx.delete(item)
