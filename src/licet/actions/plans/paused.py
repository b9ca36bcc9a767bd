"""Refuses a change of plan while the subscription, or the collection of its payments, is paused.

While collection is paused, Stripe voids the invoice of an upgrade, marks it uncollectible or keeps it as a draft: the
change would be free. A paused subscription makes no invoices at all, and Stripe schedules no change of it.
Source: contract, section 3; Stripe's documentation, "Pause payment collection".
"""

from licet.actions.subscriptions.lock import RefusedByState
from licet.http.openapi.errors import ErrorExample
from licet.plans.store import CurrentPlan

PAUSED: dict[str, ErrorExample] = {
    "collection_paused": (
        409,
        "The vendor has paused the collection of payments for this subscription. Its plan stays.",
        {"subscriptionId": "sub_1QxYz"},
    ),
    "subscription_paused": (409, "The subscription is paused. Its plan stays.", {"subscriptionId": "sub_1QxYz"}),
}
"""For a route's `responses`."""


class CollectionPaused(RefusedByState):
    """The collection of payments is paused, so a change of plan would not be paid for."""

    code = "collection_paused"

    def __init__(self, plan: CurrentPlan) -> None:
        super().__init__(
            "The vendor has paused the collection of payments for this subscription, so its plan cannot change. "
            "Nothing has changed. Resume the collection in Stripe's dashboard, and try again.",
            details={"subscriptionId": plan.stripe_subscription_id},
        )


class SubscriptionPaused(RefusedByState):
    """The subscription is paused."""

    code = "subscription_paused"

    def __init__(self, plan: CurrentPlan) -> None:
        super().__init__(
            "The subscription is paused, so its plan cannot change. Nothing has changed. Add a payment method and "
            "resume the subscription in Stripe's dashboard; or cancel it immediately (POST "
            '/payment/subscription-cancel with "immediately": true) and subscribe again.',
            details={"subscriptionId": plan.stripe_subscription_id},
        )


def refuse_if_paused(plan: CurrentPlan) -> None:
    """Raises CollectionPaused, SubscriptionPaused."""
    if plan.status == "paused":
        raise SubscriptionPaused(plan)
    if plan.paused_collection is not None:
        raise CollectionPaused(plan)
