"""The Billing API's verbs: what a customer of a vendor does with money."""

from typing import Annotated

from fastapi import Response
from pydantic import ConfigDict, Field, StringConstraints

from licet.accounts.auth import ActingAccount, Writer
from licet.checkout.actions import open_session, start_checkout
from licet.checkout.core import MAX_QUANTITY, CartItem
from licet.checkout.session import PurchaseRequest
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.router import api_router
from licet.http.shapes import EXAMPLE_ID, RequestBody, ResponseBody
from licet.idempotency.once import Once

router = api_router("/api/billing", tag="billing")


class CheckoutItem(RequestBody):
    """A product, as often as wanted. Without `priceId` it is the product's default price."""

    model_config = ConfigDict(title="CheckoutItem")

    product_id: Annotated[str, Field(min_length=1, max_length=255, examples=[EXAMPLE_ID])]
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY, examples=[1])]
    price_id: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None


class CheckoutRequest(RequestBody):
    """A cart, and where its buyer goes afterwards. `{CHECKOUT_SESSION_ID}` in a URL is filled in by Stripe."""

    items: list[CheckoutItem]
    success_url: Annotated[str, Field(examples=["https://example.com/thanks?session={CHECKOUT_SESSION_ID}"])]
    cancel_url: Annotated[str, Field(examples=["https://example.com/cart"])]
    promotion_code: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    metadata: dict[str, str] | None = Field(
        None, description="Kept at Stripe with the purchase.", examples=[{"campaign": "spring"}]
    )


class CheckoutSession(ResponseBody):
    """Where the buyer pays."""

    session_id: str = Field(examples=["cs_test_a1b2c3"])
    url: str = Field(examples=["https://checkout.stripe.com/c/pay/cs_test_a1b2c3"])


@router.post(
    "/checkout",
    status_code=201,
    response_model=CheckoutSession,
    summary="Start a purchase",
    responses=responses(
        401,
        402,
        403,
        404,
        422,
        502,
        503,
        already_subscribed=(409, "The account is subscribed to this plan already.", {"subscriptionId": "sub_1QxYz"}),
        account_required=(422, "Name the account to act for."),
        empty_cart=(422, "The cart is empty."),
        invalid_product=(
            422,
            "The product is unknown, archived or without a price; details.productId names it.",
            {"productId": EXAMPLE_ID},
        ),
        invalid_price=(
            422,
            "The price is not one of the product's; details.priceId names it.",
            {"priceId": "price_1QxYz"},
        ),
        mixed_intervals=(422, "What recurs must recur together."),
        mixed_currencies=(422, "Everything in a cart must be in one currency."),
        invalid_promotion_code=(422, "The promotion code does not hold for this purchase."),
        invalid_redirect_url=(
            422,
            "Buyers are not sent to this URL; details.field says which one it is.",
            {"field": "successUrl"},
        ),
    ),
)
async def create_checkout(
    ctx: Ctx, _: Writer, account_id: ActingAccount, once: Once, asked: CheckoutRequest
) -> Response:
    """Makes a hosted checkout page for the cart. Licenses come once it is paid, and from nothing else."""
    wish = PurchaseRequest(
        items=[CartItem(item.product_id, item.quantity, item.price_id) for item in asked.items],
        success_url=asked.success_url,
        cancel_url=asked.cancel_url,
        promotion_code=asked.promotion_code,
        metadata=asked.metadata or {},
    )
    async with once.attempt(acting_for=account_id) as attempt:
        opened = await open_session(ctx, account_id, wish, attempt.id)
        async with ctx.pool.acquire() as conn, conn.transaction():
            started = await start_checkout(conn, opened)
            return await attempt.answer(conn, CheckoutSession(session_id=started.stripe_session_id, url=started.url))
