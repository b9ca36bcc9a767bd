"""Creates checkout sessions for carts: `POST /api/billing/checkout`."""

from typing import Annotated

from fastapi import Response
from pydantic import Field, StringConstraints

from licet.accounts.auth import ActingAccount, Writer
from licet.checkout.actions import CURRENCY_CONFLICT_ERROR, open_session, start_checkout
from licet.checkout.core import MAX_QUANTITY, CartItem
from licet.checkout.session import PurchaseRequest
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.router import api_router
from licet.http.shapes import EXAMPLE_ID, RequestBody, ResponseBody
from licet.idempotency.once import Once

router = api_router("/api/billing", tag="billing")


class CheckoutItem(RequestBody):
    """A product and its quantity. Default of `priceId`: the product's first price."""

    product_id: Annotated[str, Field(min_length=1, max_length=255, examples=[EXAMPLE_ID])]
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY, examples=[1])]
    price_id: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None


class CheckoutRequest(RequestBody):
    """A cart and its return URLs. `{CHECKOUT_SESSION_ID}` in a URL becomes the session's id."""

    items: list[CheckoutItem]
    success_url: Annotated[str, Field(examples=["https://example.com/thanks?session={CHECKOUT_SESSION_ID}"])]
    cancel_url: Annotated[str, Field(examples=["https://example.com/cart"])]
    promotion_code: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    metadata: dict[str, str] | None = Field(
        None, description="Stored at Stripe with the purchase.", examples=[{"campaign": "spring"}]
    )


class CheckoutSession(ResponseBody):
    """The checkout session, and the hosted payment page to send the buyer to."""

    session_id: str = Field(examples=["cs_test_a1b2c3"])
    url: str = Field(examples=["https://checkout.stripe.com/c/pay/cs_test_a1b2c3"])


@router.post(
    "/checkout",
    status_code=201,
    response_model=CheckoutSession,
    summary="Create a checkout session",
    responses=responses(
        401,
        402,
        403,
        404,
        422,
        502,
        503,
        already_subscribed=(409, "The account is already subscribed to this plan.", {"subscriptionId": "sub_1QxYz"}),
        currency_conflict=CURRENCY_CONFLICT_ERROR,
        account_required=(422, "Name the account with ?accountId=."),
        empty_cart=(422, "The cart is empty."),
        invalid_product=(
            422,
            "The product is unknown, archived or without a price; details.productId names it.",
            {"productId": EXAMPLE_ID},
        ),
        invalid_price=(
            422,
            "The price does not belong to the product; details.priceId names it.",
            {"priceId": "price_1QxYz"},
        ),
        mixed_intervals=(422, "All recurring items must have the same interval."),
        mixed_currencies=(422, "All items must have the same currency."),
        invalid_promotion_code=(422, "The promotion code is not valid for this purchase."),
        invalid_redirect_url=(
            422,
            "Buyers cannot be sent to this URL; details.field names it.",
            {"field": "successUrl"},
        ),
    ),
)
async def create_checkout(
    ctx: Ctx, _: Writer, account_id: ActingAccount, once: Once, body: CheckoutRequest
) -> Response:
    """Creates a hosted payment page for the cart. Licenses are issued when it is paid."""
    purchase = PurchaseRequest(
        items=[CartItem(item.product_id, item.quantity, item.price_id) for item in body.items],
        success_url=body.success_url,
        cancel_url=body.cancel_url,
        promotion_code=body.promotion_code,
        metadata=body.metadata or {},
    )
    async with once.attempt(acting_for=account_id) as attempt:
        opened = await open_session(ctx, account_id, purchase, attempt.id)
        async with ctx.pool.acquire() as conn, conn.transaction():
            started = await start_checkout(conn, opened)
            return await attempt.answer(conn, CheckoutSession(session_id=started.stripe_session_id, url=started.url))
