"""A subscription is canceled, kept, paused or resumed in the portal. What is so already stays so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.collection import resumption
from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.portal import portal_pauses
from licet_sandbox.billing.portal.portal_plans import pending_change
from licet_sandbox.errors import invalid
from licet_sandbox.kit.params import Params
from licet_sandbox.resources.portal.portal_updates import add_discounts
from licet_sandbox.resources.schedules import subscription_schedules
from licet_sandbox.resources.subscriptions import subscription_pauses, subscriptions

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def may_cancel(tx: Tx, feature: Obj, subscription: Obj) -> bool:
    """What is to end ends; the end of what a schedule of the shop manages is the schedule's, unless it is now."""
    if ended(subscription) or subscription["cancel_at"] is not None:
        return False
    managed = subscription["schedule"] is not None and pending_change(tx, subscription) is None
    return at_once(feature, subscription) or not managed


def at_once(feature: Obj, subscription: Obj) -> bool:
    """As the configuration says; what is paused or was never paid has no period whose end could be waited for."""
    return feature["mode"] == "immediately" or subscription["status"] in {"paused", "incomplete"}


def cancel(tx: Tx, feature: Obj, subscription: Obj, reason: str | None, comment: str | None) -> None:
    """At the end of the period or at once, as the configuration says.

    In flexible billing mode `cancel_at` is set and `cancel_at_period_end` stays false, as Stripe's portal does it.
    """
    if ended(subscription) or subscription["cancel_at"] is not None:
        return
    if not may_cancel(tx, feature, subscription):
        raise invalid("This subscription cannot be canceled here.", status=403)
    details = _said(feature, reason, comment)
    if at_once(feature, subscription):
        prorate = feature["proration_behavior"] == "create_prorations"
        _do(subscriptions.cancel, tx, {**details, "prorate": prorate}, subscription)
        return
    keep_plan(tx, subscription)
    flexible = subscription["billing_mode"]["type"] == "flexible"
    end: dict[str, Any] = {"cancel_at": "min_period_end"} if flexible else {"cancel_at_period_end": True}
    _do(subscriptions.update, tx, {**details, **end, "proration_behavior": "none"}, subscription)


def _said(feature: Obj, reason: str | None, comment: str | None) -> dict[str, Any]:
    """What the customer said, where they are asked."""
    asked = feature["cancellation_reason"]
    if not asked["enabled"] or not reason:
        return {}
    if reason not in asked["options"]:
        raise invalid("Choose one of the reasons.", param="feedback")
    return {"cancellation_details": {"feedback": reason, **({"comment": comment} if comment else {})}}


def keep(tx: Tx, subscription: Obj) -> None:
    """It does not end after all."""
    if ended(subscription):
        raise invalid("This subscription has ended.", status=403)
    if subscription["cancel_at"] is None:
        return
    flexible = subscription["billing_mode"]["type"] == "flexible"
    on: dict[str, Any] = {"cancel_at": ""} if flexible else {"cancel_at_period_end": False}
    _do(subscriptions.update, tx, on, subscription)


def keep_plan(tx: Tx, subscription: Obj) -> None:
    """The change that was to come at the end of the period does not."""
    if pending_change(tx, subscription) is not None:
        subscription_schedules.release(tx, Params({}), subscription["schedule"])


def accept_offer(tx: Tx, subscription: Obj, coupon_id: str) -> None:
    """Stay, for a coupon; taken twice, it is the same."""
    add_discounts(tx, subscription, ({"coupon": coupon_id},))


def may_pause(subscription: Obj) -> bool:
    """As the API's operation has it; what is to end is not paused before."""
    return (
        subscription["status"] in {"active", "past_due", "unpaid"}
        and subscription["billing_mode"]["type"] == "flexible"
        and subscription["schedule"] is None
        and subscription["cancel_at"] is None
    )


def pause(tx: Tx, feature: Obj, subscription: Obj, choice: str | None) -> None:
    """For one of the durations that the configuration names (`choice`: its place among them), or until resumed."""
    if subscription["status"] == "paused":
        return
    if not may_pause(subscription):
        raise invalid("This subscription cannot be paused here.", status=403)
    until = portal_pauses.pause_ends_at(feature, tx.now, choice)
    _do(subscription_pauses.pause, tx, {}, subscription)
    if until is not None:
        tx.schedule("subscription.pause_end", subscription["id"], until)


def resume(tx: Tx, subscription: Obj) -> str | None:
    """Back to life. The id of the invoice that is to be paid first, or None."""
    if ended(subscription):
        raise invalid("This subscription has ended.", status=403)
    if subscription["status"] == "paused" and resumption.resumption_invoice_id(subscription) is None:
        flexible = subscription["billing_mode"]["type"] == "flexible"
        given = {"payment_behavior": "resume_on_payment_success"} if flexible else {}
        _do(subscription_pauses.resume, tx, given, subscription)
    return resumption.resumption_invoice_id(subscription)


def _do(operation: Any, tx: Tx, given: dict[str, Any], subscription: Obj) -> None:
    """One of the API's operations, with nothing given that it does not look at."""
    params = Params(given)
    operation(tx, params, subscription["id"])
    params.end()
