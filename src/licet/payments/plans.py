"""Lists the plans that an organisation can choose: `GET /payment/subscription-plans`."""

from pydantic import Field

from licet.accounts.auth import Reader
from licet.checkout.store import find_had_trial
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.router import api_router
from licet.http.shapes import ResponseBody
from licet.payments.organizations import ORGANIZATION_NOT_FOUND, Organization
from licet.plans.core import Change, change_to
from licet.plans.store import CurrentPlan, PlanPriceRecord, PlanRecord, find_current_plan, list_plans

router = api_router("/payment", tag="payment")


class PlanPrice(ResponseBody):
    """A price of a plan. The amount is in the currency's minor unit."""

    price_id: str = Field(examples=["price_1QxYz"])
    amount: int = Field(examples=[9900])
    currency: str = Field(examples=["usd"])
    interval: str = Field(description="day, week, month or year.", examples=["month"])
    interval_count: int = Field(examples=[1])
    trial_days: int = Field(
        description="Trial days of a checkout; 0 if the organisation has already had a trial of this plan. A change of "
        "plan starts no trial.",
        examples=[0],
    )
    change: Change = Field(description="What choosing this price means for the organisation.", examples=["upgrade"])


class Plan(ResponseBody):
    """A plan with its prices, in the catalogue's order."""

    product_id: str = Field(description="Stripe's product id.", examples=["prod_1QxYz"])
    name: str = Field(examples=["Growth"])
    description: str | None = Field(examples=["For a shop that grows."])
    features: list[str] = Field(examples=[["5 shops", "5000 orders a month"]])
    prices: list[PlanPrice]
    is_current: bool = Field(description="Whether the organisation is subscribed to it.", examples=[False])
    current_price_id: str | None = Field(
        description="The price that the organisation pays, if this is its plan.", examples=[None]
    )


@router.get(
    "/subscription-plans",
    summary="List plans",
    responses=responses(401, 403, **ORGANIZATION_NOT_FOUND),
)
async def list_subscription_plans(ctx: Ctx, _: Reader, organization: Organization) -> list[Plan]:
    """Lists plans and prices in the catalogue's order. The catalogue's ranks decide what is an upgrade."""
    async with ctx.pool.acquire() as conn:
        current = await find_current_plan(conn, organization)
        plans = await list_plans(conn, current)
    with_trial = [plan.product_id for plan in plans if any(price.trial_days for price in plan.prices)]
    had_trial = await find_had_trial(ctx.pool, organization, with_trial) if with_trial else set()
    return [_plan(plan, current, had_trial=plan.product_id in had_trial) for plan in plans]


def _plan(plan: PlanRecord, current: CurrentPlan | None, *, had_trial: bool) -> Plan:
    is_current = current is not None and current.stripe_product_id == plan.stripe_product_id
    return Plan(
        product_id=plan.stripe_product_id,
        name=plan.name,
        description=plan.description,
        features=plan.features,
        prices=[_price(price, current, had_trial=had_trial) for price in plan.prices],
        is_current=is_current,
        current_price_id=current.place.stripe_price_id if current is not None and is_current else None,
    )


def _price(price: PlanPriceRecord, current: CurrentPlan | None, *, had_trial: bool) -> PlanPrice:
    return PlanPrice(
        price_id=price.place.stripe_price_id,
        amount=price.amount,
        currency=price.currency,
        interval=price.place.billing.interval,
        interval_count=price.place.billing.interval_count,
        trial_days=0 if had_trial else price.trial_days,
        change=change_to(price.place, current.place if current else None),
    )
