"""What an account may use now: `GET /api/entitlements`. It stands here because it is of plans and licenses both."""

from typing import Literal

from pydantic import Field

from licet.accounts.auth import ActingAccount, Reader
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.router import api_router
from licet.http.shapes import EXAMPLE_ID, ResponseBody
from licet.plans.entitlements import list_entitlements

router = api_router("/api/entitlements", tag="licenses")


class EntitlementSource(ResponseBody):
    """Where an entitlement comes from."""

    type: Literal["plan", "license"] = Field(examples=["plan"])
    id: str = Field(description="Stripe's of the plan's subscription, or ours of the license.", examples=["sub_1QxYz"])
    product_id: str = Field(description="Ours.", examples=[EXAMPLE_ID])


class Entitlement(ResponseBody):
    """A feature that may be used now."""

    feature: str = Field(description="As the catalogue words it.", examples=["5 shops"])
    value: bool = Field(description="Always true: what may not be used is not listed.", examples=[True])
    source: EntitlementSource


@router.get(
    "",
    summary="What the account may use now",
    responses=responses(401, 403, 404, account_required=(422, "Name the account to act for.")),
)
async def list_account_entitlements(ctx: Ctx, _: Reader, account_id: ActingAccount) -> list[Entitlement]:
    """The features of its plan and of its licenses that hold: paid through or in grace, not refunded or disputed."""
    async with ctx.pool.acquire() as conn:
        found = await list_entitlements(conn, account_id, now=ctx.now())
    return [
        Entitlement(
            feature=one.feature,
            value=True,
            source=EntitlementSource(type=one.source, id=one.source_id, product_id=str(one.product_id)),
        )
        for one in found
    ]
