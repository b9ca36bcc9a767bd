"""A customer cancels a subscription in the portal, or keeps one. Repeating either changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.portal.portal_plans import pending_change
from licet_sandbox.errors import invalid
from licet_sandbox.kit.params import Params
from licet_sandbox.resources.portal.operations import run_operation
from licet_sandbox.resources.portal.plan_changes import add_discounts
from licet_sandbox.resources.schedules import subscription_schedules
from licet_sandbox.resources.subscriptions import subscriptions

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def may_cancel(tx: Tx, feature: Obj, subscription: Obj) -> bool:
    """True if a customer may cancel this subscription in the portal.

    A subscription that a schedule of the shop manages can only be canceled immediately: its end is the schedule's.
    """
    if ended(subscription) or subscription["cancel_at"] is not None:
        return False
    managed = subscription["schedule"] is not None and pending_change(tx, subscription) is None
    return ends_immediately(feature, subscription) or not managed


def ends_immediately(feature: Obj, subscription: Obj) -> bool:
    """True if cancelling takes effect immediately, not at the end of the period.

    The configuration decides. A paused or incomplete subscription has no paid period, so it always ends immediately.
    """
    return feature["mode"] == "immediately" or subscription["status"] in {"paused", "incomplete"}


def cancel(tx: Tx, feature: Obj, subscription: Obj, reason: str | None, comment: str | None) -> None:
    """Cancel at the end of the period or immediately, as the configuration says.

    In flexible billing mode `cancel_at` is set and `cancel_at_period_end` stays false, as in Stripe's portal.
    """
    if ended(subscription) or subscription["cancel_at"] is not None:
        return
    if not may_cancel(tx, feature, subscription):
        raise invalid("This subscription cannot be canceled here.", status=403)
    details = _cancellation_details(feature, reason, comment)
    if ends_immediately(feature, subscription):
        prorate = feature["proration_behavior"] == "create_prorations"
        run_operation(subscriptions.cancel, tx, {**details, "prorate": prorate}, subscription["id"])
        return
    cancel_scheduled_change(tx, subscription)
    flexible = subscription["billing_mode"]["type"] == "flexible"
    end: dict[str, Any] = {"cancel_at": "min_period_end"} if flexible else {"cancel_at_period_end": True}
    run_operation(subscriptions.update, tx, {**details, **end, "proration_behavior": "none"}, subscription["id"])


def _cancellation_details(feature: Obj, reason: str | None, comment: str | None) -> dict[str, Any]:
    """The parameter `cancellation_details`, if a reason is asked for and given."""
    setting = feature["cancellation_reason"]
    if not setting["enabled"] or not reason:
        return {}
    if reason not in setting["options"]:
        raise invalid("Choose one of the listed reasons.", param="feedback")
    return {"cancellation_details": {"feedback": reason, **({"comment": comment} if comment else {})}}


def keep_subscription(tx: Tx, subscription: Obj) -> None:
    """Clear a scheduled cancellation."""
    if ended(subscription):
        raise invalid("This subscription has ended.", status=403)
    if subscription["cancel_at"] is None:
        return
    flexible = subscription["billing_mode"]["type"] == "flexible"
    given: dict[str, Any] = {"cancel_at": ""} if flexible else {"cancel_at_period_end": False}
    run_operation(subscriptions.update, tx, given, subscription["id"])


def cancel_scheduled_change(tx: Tx, subscription: Obj) -> None:
    """Release the schedule that would change the plan at the end of the period."""
    if pending_change(tx, subscription) is not None:
        subscription_schedules.release(tx, Params({}), subscription["schedule"])


def accept_coupon(tx: Tx, subscription: Obj, coupon_id: str) -> None:
    """Apply the coupon offered for not cancelling; accepting it again changes nothing."""
    add_discounts(tx, subscription, ({"coupon": coupon_id},))
