"""The plan and price that a caller names: by Stripe's ids, the product by ours too."""

from dataclasses import dataclass

from licet.db.connection import Connection
from licet.errors import Unprocessable
from licet.plans.store import CurrentPlan, PlanPriceRecord, PlanRecord, list_plans


@dataclass(frozen=True)
class Chosen:
    """A price on sale of a plan on sale, or those that the account has already."""

    plan: PlanRecord
    price: PlanPriceRecord


async def choose(conn: Connection, product_id: str, price_id: str, current: CurrentPlan | None) -> Chosen:
    """What is named by an account that is subscribed to `current`, which it may choose again, archived or not.

    Raises Unprocessable invalid_product, or invalid_price where it is not one of that plan's.
    """
    plans = await list_plans(conn, current)
    plan = next((one for one in plans if product_id in (one.stripe_product_id, str(one.product_id))), None)
    if plan is None:
        raise Unprocessable(
            f"{product_id} is no plan on sale. GET /payment/subscription-plans lists those.",
            code="invalid_product",
            details={"productId": product_id},
        )
    price = next((one for one in plan.prices if one.place.stripe_price_id == price_id), None)
    if price is None:
        raise Unprocessable(
            f"{price_id} is no price on sale of {plan.name}. GET /payment/subscription-plans lists those.",
            code="invalid_price",
            details={"productId": product_id, "priceId": price_id},
        )
    return Chosen(plan, price)
