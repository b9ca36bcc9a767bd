"""A price that is archived is paid on by who has it, and Stripe may not put it into a schedule any more.

A schedule has to say what is bought until the change, too. Whether Stripe takes an archived price there cannot be asked
beforehand, so a preview does not know it either: it is said where Stripe refuses.
"""

from licet.errors import Conflict, StripeRefused
from licet.http.described_errors import Failure
from licet.plans.store import CurrentPlan

PRICE_ARCHIVED: dict[str, Failure] = {
    "price_archived": (
        409,
        "The price that is paid now is archived, and Stripe lets no change wait for the end of its period.",
        {"subscriptionId": "sub_1QxYz", "priceId": "price_1QxYz"},
    )
}
"""For a route's `responses`."""


class PriceArchived(Conflict):
    """A change cannot wait for the end of a period that is paid at an archived price."""

    code = "price_archived"

    def __init__(self, plan: CurrentPlan) -> None:
        super().__init__(
            f"{plan.place.stripe_price_id}, which is paid now, is archived, and Stripe lets no change wait for the end "
            "of its period. Nothing has changed. A higher plan can be had at once; or end the subscription (POST "
            "/payment/subscription-cancel) and subscribe anew; or have its vendor set LICET_DOWNGRADE=immediate.",
            details={"subscriptionId": plan.stripe_subscription_id, "priceId": plan.place.stripe_price_id},
        )


def is_archived(refused: StripeRefused) -> bool:
    """Whether that is why Stripe refuses a schedule: it names what is bought now, which is its first phase."""
    return refused.details.get("param", "").startswith("phases[0][items]") and "inactive" in refused.message
