"""How a scheduled end is taken back, in Stripe's words."""

from typing import Any

from licet.plans.store import CurrentPlan
from licet.subscriptions.shown import Subscription


def taken_back(of: CurrentPlan | Subscription) -> dict[str, Any]:
    """The parameters: Stripe takes one of the two, and each clears what the other one set. Empty where nothing ends."""
    if not of.ends_by_itself:
        return {}
    return {"cancel_at_period_end": False} if of.cancel_at_period_end else {"cancel_at": ""}
