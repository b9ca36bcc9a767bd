"""What paid and unpaid invoices, and the passing of time, make of a subscription's status and its customer's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.agenda import plan_ahead
from licet_sandbox.billing.invoices import stop_collecting, subscription_of, void

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def invoice_paid(tx: Tx, invoice: Obj) -> None:
    """A subscription is in good standing again when its latest invoice is paid."""
    subscription = subscription_of(tx, invoice)
    _set_delinquent(tx, invoice["customer"], delinquent=False)
    if subscription is None or subscription["latest_invoice"] != invoice["id"]:
        return
    if subscription["status"] in {"incomplete", "past_due", "unpaid"}:
        tx.unschedule(subscription["id"], "subscription.incomplete_expire")
        trialing = subscription["trial_end"] is not None and subscription["trial_end"] > tx.now
        subscription["status"] = "trialing" if trialing else "active"
        tx.save(subscription, "customer.subscription.updated")
        plan_ahead(tx, subscription)


def invoice_failed(tx: Tx, invoice: Obj) -> None:
    """A renewal that failed makes its subscription past due; a first invoice leaves it incomplete."""
    subscription = subscription_of(tx, invoice)
    _set_delinquent(tx, invoice["customer"], delinquent=True)
    if subscription is not None and subscription["status"] == "active":
        subscription["status"] = "past_due"
        tx.save(subscription, "customer.subscription.updated")


def _set_delinquent(tx: Tx, customer_id: str, *, delinquent: bool) -> None:
    customer = tx.find(customer_id)
    if customer is not None and customer["delinquent"] != delinquent:
        customer["delinquent"] = delinquent
        tx.save(customer, "customer.updated")


def end(tx: Tx, subscription: Obj, *, reason: str | None) -> None:
    """The real end, however it came: `customer.subscription.deleted`. Its open invoices are collected no more."""
    tx.unschedule(subscription["id"])
    subscription |= {
        "status": "canceled",
        "canceled_at": subscription["canceled_at"] or tx.now,
        "ended_at": tx.now,
        "cancellation_details": subscription["cancellation_details"]
        | {"reason": subscription["cancellation_details"]["reason"] or reason},
    }
    tx.save(subscription, "customer.subscription.deleted")
    for invoice in unsettled_invoices(tx, subscription):
        if invoice["auto_advance"]:
            stop_collecting(tx, invoice)


def expire_incomplete(tx: Tx, subscription_id: str) -> None:
    """23 hours without the first payment: `incomplete_expired`, and its invoice is void."""
    subscription = tx.get("subscription", subscription_id)
    if subscription["status"] != "incomplete":
        return
    tx.unschedule(subscription_id)
    subscription |= {"status": "incomplete_expired", "ended_at": tx.now}
    tx.save(subscription, "customer.subscription.updated")
    for invoice in unsettled_invoices(tx, subscription):
        void(tx, invoice)


def unsettled_invoices(tx: Tx, subscription: Obj) -> list[Obj]:
    """Its drafts and open invoices."""
    where = (
        "json ->> '$.customer' = ? AND json ->> '$.parent.subscription_details.subscription' = ?"
        " AND json ->> '$.status' IN ('draft', 'open')"
    )
    return tx.select("invoice", where, subscription["customer"], subscription["id"])
