"""The end of a trial without a payment method: `trial_settings[end_behavior]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import subscription_status
from licet_sandbox.billing.collection.collection import payment_method_for_subscription
from licet_sandbox.billing.subscriptions.pauses import set_paused

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def end_without_card(tx: Tx, subscription: Obj) -> bool:
    """Pauses or cancels a subscription whose trial ends now without a payment method, if it says so.

    Returns False, and changes nothing, if the trial ends as any other.
    """
    behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if behavior == "create_invoice" or payment_method_for_subscription(tx, subscription) is not None:
        return False
    if behavior == "cancel":
        subscription_status.end_subscription(tx, subscription, reason=None)
    else:
        set_paused(tx, subscription, "trial_end_without_payment_method")
    return True


def end_early_without_card(tx: Tx, subscription: Obj, before: Obj) -> bool:
    """Does the same for a trial that an update ends now. before: the subscription before the update."""
    ends = before["status"] == "trialing" and subscription["status"] == "active"
    if not ends or payment_method_for_subscription(tx, subscription) is not None:
        return False
    for item in subscription["items"]["data"]:
        item["current_period_end"] = tx.now
    return end_without_card(tx, subscription)
