"""Lists what an account may use: `GET /api/entitlements`.

The route is in this package, a layer above both, because entitlements come from plans and from licenses.
"""

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
    """The plan or license that grants an entitlement."""

    type: Literal["plan", "license"] = Field(examples=["plan"])
    id: str = Field(
        description="The id of the plan's subscription at Stripe, or of the license.", examples=["sub_1QxYz"]
    )
    product_id: str = Field(description="The id of the product at Licet.", examples=[EXAMPLE_ID])


class Entitlement(ResponseBody):
    """A feature that the account may use at the time of the request."""

    feature: str = Field(description="The feature's text in the catalogue.", examples=["5 shops"])
    value: bool = Field(
        description="Always true. Features that the account may not use are not listed.", examples=[True]
    )
    source: EntitlementSource


@router.get(
    "",
    summary="List entitlements",
    responses=responses(401, 403, 404, account_required=(422, "Name the account with ?accountId=.")),
)
async def list_account_entitlements(ctx: Ctx, _: Reader, account_id: ActingAccount) -> list[Entitlement]:
    """Lists the features of the account's plans and active licenses.

    A plan or license counts while it is paid or in its grace period, and not after a refund or dispute.
    """
    async with ctx.pool.acquire() as conn:
        entitlements = await list_entitlements(conn, account_id, now=ctx.now())
    return [
        Entitlement(
            feature=entitlement.feature,
            value=True,
            source=EntitlementSource(
                type=entitlement.source, id=entitlement.source_id, product_id=str(entitlement.product_id)
            ),
        )
        for entitlement in entitlements
    ]
