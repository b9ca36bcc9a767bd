"""Previews of invoices: the very same code as for real, in a rehearsal that is taken back."""

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
from licet_sandbox.resources.catalogue.discounts import Use, set_discounts
from licet_sandbox.resources.invoices.invoice_items import make_item
from licet_sandbox.resources.previews.schedule_previews import is_of_schedule, scheduled_subscription
from licet_sandbox.resources.subscriptions import update_params as changes
from licet_sandbox.resources.subscriptions.item_changes import change_items
from licet_sandbox.resources.subscriptions.proration_params import check_changeable, read_terms
from licet_sandbox.resources.subscriptions.subscriptions import cancel_now, make

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def create_preview(tx: Tx, p: Params) -> Obj:
    """The next invoice of a subscription as it is, after a change, or of one that is not there yet. Stores nothing."""
    p.sub("automatic_tax").refuse("enabled", False)
    p.sub("issuer").refuse("type", "self")
    with tx.rehearsal():
        invoice = _rehearse(tx, p)
        if invoice is None:
            raise _none_upcoming(p)
        if "discounts" in p:
            use = Use(invoice["customer"], invoice["currency"], invoice["subtotal"])
            set_discounts(tx, invoice, p, use, ancestors=tuple(invoice["discounts"]), invoice=invoice["id"])
            compute_invoice_totals(tx, invoice)
        return as_preview(invoice)


def _none_upcoming(p: Params) -> StripeError:
    whose = p.text("subscription") or p.text("schedule") or p.text("customer")
    return invalid(f"No upcoming invoices for: '{whose}'", code="invoice_upcoming_none", status=404)


def _rehearse(tx: Tx, p: Params) -> Obj | None:
    if is_of_schedule(p):
        return _of_schedule(tx, p)
    details = p.sub("subscription_details")
    recurring = p.get("preview_mode", "next") == "recurring"
    if p.text("subscription") is None and "items" in details:
        return _of_new(tx, p, details)
    subscription = _subscription(tx, p)
    if subscription is None or ended(subscription):
        return None
    _add_items(tx, p, subscription)
    if details.get("cancel_now", False):
        prorate = details.get("proration_behavior", "create_prorations") != "none"
        cancel_now(tx, subscription, prorate=prorate, invoice_now=True)
        return _latest(tx, subscription)
    invoice = _changed(tx, subscription, details, recurring=recurring) if details else None
    if recurring and (invoice is None or subscription["status"] == "trialing"):
        _drop_pending(tx, subscription)
        return rehearse_renewal(tx, subscription)
    return invoice or rehearse_renewal(tx, subscription)


def _of_schedule(tx: Tx, p: Params) -> Obj | None:
    """What is billed at once where something changes or begins, else the renewal in the phase that holds then."""
    recurring = p.get("preview_mode", "next") == "recurring"
    subscription, made = scheduled_subscription(tx, p)
    if made is not None and not recurring:
        return made
    if recurring:
        _drop_pending(tx, subscription)
    _add_items(tx, p, subscription)
    return rehearse_renewal(tx, subscription)


def _latest(tx: Tx, subscription: Obj) -> Obj | None:
    """The invoice that was made just now, if any."""
    latest = None if subscription["latest_invoice"] is None else tx.find(subscription["latest_invoice"])
    return latest if latest is not None and latest["created"] == tx.now else None


def _subscription(tx: Tx, p: Params) -> Obj | None:
    """The one that is named, else the customer's that renews first."""
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


def _changed(tx: Tx, subscription: Obj, p: Params, *, recurring: bool) -> Obj | None:
    """Change it; the draft of the invoice that this makes at once, if any."""
    check_changeable(subscription)
    before = copy.deepcopy(subscription)
    how = read_terms(subscription, p)
    if how.anchor == "timestamp":
        message = "Of an existing subscription the billing cycle anchor can only be `now` or `unchanged`."
        raise invalid(message, param=p.name("billing_cycle_anchor"))
    p.refuse("default_tax_rates", "", [])
    merge_metadata(subscription, p)
    changes.change_trial(tx, subscription, p)
    if "items" in p:
        change_items(tx, subscription, p)
    changes.schedule_end(tx, subscription, p)
    how = replace(how, proration_behavior="none") if recurring else how
    invoice = updates.bill_change(tx, subscription, before, how)
    tx.save(subscription)
    return invoice


def _of_new(tx: Tx, p: Params, details: Params) -> Obj:
    """The first invoice of a subscription that would be made now."""
    customer = _customer(tx, p)
    anchor = details.sub("billing_cycle_anchor")
    kind = anchor.get("type")
    moment = anchor.need("timestamp") if kind == "timestamp" else None
    subscription = make(tx, customer, details, anchor=moment)
    tx.insert(subscription)
    changes.schedule_end(tx, subscription, details)
    changes.end_first_period(subscription)
    _add_items(tx, p, subscription)
    return first_invoice(tx, subscription, prorated=details.get("proration_behavior") != "none")


def _customer(tx: Tx, p: Params) -> Obj:
    if p.text("customer") is not None:
        return tx.named("customer", p.get("customer"), "customer")
    return tx.insert(make_customer(tx))


def _add_items(tx: Tx, p: Params, subscription: Obj) -> None:
    customer = tx.get("customer", subscription["customer"])
    for given in p.subs("invoice_items"):
        make_item(tx, given, customer, subscription["currency"])


def _drop_pending(tx: Tx, subscription: Obj) -> None:
    of = (subscription["id"], None)
    for item in pending_items(tx, subscription["customer"], subscription["currency"], of=of):
        tx.delete(item)
