"""Finds the plan and the price that a caller names: by Stripe's ids, the product also by Licet's."""

from dataclasses import dataclass

from licet.db.connection import Connection
from licet.errors import Unprocessable
from licet.plans.store import CurrentPlan, PlanPriceRecord, PlanRecord, list_plans


@dataclass(frozen=True)
class Chosen:
    """A plan and one of its prices: on sale, or the account's current ones."""

    plan: PlanRecord
    price: PlanPriceRecord


async def choose(conn: Connection, product_id: str, price_id: str, current: CurrentPlan | None) -> Chosen:
    """The plan and price with these ids.

    `current`, the account's plan, may be chosen even if it is archived. Raises Unprocessable invalid_product, or
    invalid_price if the price is not one of that plan's.
    """
    plans = await list_plans(conn, current)
    plan = next((found for found in plans if product_id in (found.stripe_product_id, str(found.product_id))), None)
    if plan is None:
        raise Unprocessable(
            f"{product_id} is not a plan on sale. GET /payment/subscription-plans lists the plans.",
            code="invalid_product",
            details={"productId": product_id},
        )
    price = next((found for found in plan.prices if found.place.stripe_price_id == price_id), None)
    if price is None:
        raise Unprocessable(
            f"{price_id} is not a price of {plan.name} on sale. GET /payment/subscription-plans lists the prices.",
            code="invalid_price",
            details={"productId": product_id, "priceId": price_id},
        )
    return Chosen(plan, price)
