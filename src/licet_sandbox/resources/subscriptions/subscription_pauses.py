"""Pauses and resumes a subscription, or only the collection of its invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import resumption
from licet_sandbox.billing.collection.collection import payment_method_for_subscription
from licet_sandbox.billing.subscriptions import pauses
from licet_sandbox.errors import invalid
from licet_sandbox.resources.subscriptions.proration_params import check_within

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_PAUSABLE = ("active", "past_due", "unpaid")


def pause(tx: Tx, p: Params, subscription_id: str) -> Obj:
    """Pause a subscription immediately. Unused time is credited by default."""
    subscription = tx.get("subscription", subscription_id)
    p.get("type")
    bill_for = p.sub("bill_for")
    bill_for.sub("outstanding_usage_through").get("type")
    unused_from = bill_for.sub("unused_time_from").get("type", "now")
    invoice_now = p.get("invoicing_behavior", "pending_invoice_item") == "invoice"
    _check_pausable(subscription)
    pauses.pause_subscription(tx, subscription, unused_from=unused_from, invoice_now=invoice_now)
    return subscription


def _check_pausable(subscription: Obj) -> None:
    _check_charged_automatically(subscription, "pause")
    if subscription["billing_mode"]["type"] != "flexible":
        raise invalid("Only subscriptions with `billing_mode[type]=flexible` can be paused.")
    if subscription["schedule"] is not None:
        managed = f"The subscription is managed by the subscription schedule `{subscription['schedule']}`"
        raise invalid(f"{managed} and cannot be paused.")
    if subscription["status"] not in _PAUSABLE:
        raise invalid(f"You cannot pause a subscription that is currently in the `{subscription['status']}` status.")


def _check_charged_automatically(subscription: Obj, verb: str) -> None:
    if subscription["collection_method"] != "charge_automatically":
        raise invalid(f"You can only {verb} a subscription with `collection_method=charge_automatically`.")


def resume(tx: Tx, p: Params, subscription_id: str) -> Obj:
    """Resume a paused subscription: immediately, or when the resulting invoice is paid."""
    subscription = tx.get("subscription", subscription_id)
    how = pauses.ResumeParams(
        keep_anchor=p.sub("billing_cycle_anchor").get("type", "now") == "unchanged",
        on_success=p.get("payment_behavior") == "resume_on_payment_success",
        proration_behavior=p.get("proration_behavior", "create_prorations"),
        proration_date=p.get("proration_date"),
    )
    _check_resumable(tx, subscription, how)
    pauses.resume_subscription(tx, subscription, how)
    return subscription


def _check_resumable(tx: Tx, subscription: Obj, how: pauses.ResumeParams) -> None:
    if subscription["status"] != "paused":
        message = f"You can only resume a subscription that is `paused`. This one is `{subscription['status']}`."
        raise invalid(message)
    _check_charged_automatically(subscription, "resume")
    if how.keep_anchor and how.proration_date is not None:
        check_within(how.proration_date, *pauses.proration_window(tx, subscription), "proration_date")
    waiting = resumption.resumption_invoice_id(subscription)
    if waiting is not None:
        raise invalid(f"The subscription is already being resumed: pay or void its invoice `{waiting}` first.")
    if not how.on_success:
        return
    if subscription["billing_mode"]["type"] != "flexible":
        message = "`resume_on_payment_success` needs a subscription with `billing_mode[type]=flexible`."
        raise invalid(message, param="payment_behavior")
    if payment_method_for_subscription(tx, subscription) is None:
        message = "This customer has no attached payment source or default payment method."
        raise invalid(message, param="payment_behavior", code="resource_missing")


def set_collection(tx: Tx, subscription: Obj, p: Params) -> None:
    """Apply `pause_collection`: invoices are still created, but not collected. The status stays."""
    if "pause_collection" not in p:
        return
    given = p.sub("pause_collection")
    if not given:
        subscription["pause_collection"] = None
        return
    resumes_at = given.get("resumes_at")
    if resumes_at is not None and resumes_at <= tx.now:
        message = "`pause_collection[resumes_at]` must be in the future."
        raise invalid(message, param=given.name("resumes_at"))
    subscription["pause_collection"] = {"behavior": given.need("behavior"), "resumes_at": resumes_at}
