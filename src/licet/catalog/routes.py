"""`GET /api/products`: the products on sale. It needs no API key, because prices are public."""

from uuid import UUID

from pydantic import Field

from licet.catalog.core import Interval
from licet.catalog.store import list_on_sale
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.paging import Paging, listed
from licet.http.router import api_router
from licet.http.shapes import ListResponse, ResponseBody

router = api_router("/api/products", tag="products")


class Price(ResponseBody):
    """A price. `id` is Stripe's. Without `interval` it is paid once."""

    id: str = Field(examples=["price_1QxYz"])
    amount: int = Field(description="In the currency's minor unit.", examples=[14900])
    currency: str = Field(examples=["usd"])
    interval: Interval | None = Field(examples=["month"])
    interval_count: int | None = Field(examples=[1])
    trial_days: int = Field(description="Days before the first payment; once per account and product.", examples=[0])


class Product(ResponseBody):
    """A product with its prices, the default price first."""

    id: UUID
    name: str = Field(examples=["Shopify Connector"])
    description: str | None = Field(examples=["Connects a Shopify shop."])
    features: list[str] = Field(examples=[["Updates"]])
    prices: list[Price]


@router.get("", summary="List products on sale", responses=responses(422))
async def list_products(ctx: Ctx, page: Paging) -> ListResponse[Product]:
    """Lists the products on sale with their prices, in the catalogue's order."""
    rows, total = await list_on_sale(ctx.pool, page)
    products = [
        Product(
            id=row["id"],
            name=row["name"],
            description=row["description"],
            features=row["features"],
            prices=[
                Price(
                    id=price["id"],
                    amount=price["amount"],
                    currency=price["currency"],
                    interval=price["interval"],
                    interval_count=price["intervalCount"],
                    trial_days=price["trialDays"],
                )
                for price in row["prices"]
            ],
        )
        for row in rows
    ]
    return listed(products, total, page)
