"""What is paid with: `/api/billing/payment-methods`."""

from typing import Annotated, Literal, Self

from fastapi import Body, Path, Request, Response
from fastapi.openapi.models import Example
from pydantic import ConfigDict, Field, StringConstraints, model_validator

from licet.accounts.auth import ActingAccount, Reader, Writer
from licet.actions import payment_methods
from licet.http.context import Ctx
from licet.http.openapi.document import responses
from licet.http.request_id import request_id_of
from licet.http.router import api_router
from licet.http.shapes import RequestBody, ResponseBody
from licet.idempotency.once import Once
from licet.kit.cause import Cause
from licet.payment_methods.schemas import PaymentMethod, payment_method_response
from licet.payment_methods.store import list_methods as methods_of

router = api_router("/api/billing/payment-methods", tag="billing")

StripeId = Annotated[str, Path(alias="id", max_length=255, description="Stripe's id of it.", examples=["pm_1QxYz"])]
_ACCOUNT = {"account_required": (422, "Name the account to act for.")}


class SetupIntent(ResponseBody):
    """What Stripe.js needs to collect a card on a page of yours."""

    setup_intent_id: str = Field(examples=["seti_1QxYz"])
    client_secret: str = Field(examples=["seti_1QxYz_secret_a1b2c3"])


class SetupPage(ResponseBody):
    """Where the customer saves a card, on a page of Stripe's."""

    model_config = ConfigDict(title="SetupPage")

    url: str = Field(examples=["https://checkout.stripe.com/c/pay/cs_test_a1b2c3"])


class PaymentMethodRequest(RequestBody):
    """One of three ways: `paymentMethodId` adds what Stripe.js has collected; both URLs ask for a hosted page; nothing
    at all asks for a setup intent, for Stripe.js."""

    model_config = ConfigDict(
        title="PaymentMethodRequest",
        json_schema_extra={"dependentRequired": {"successUrl": ["cancelUrl"], "cancelUrl": ["successUrl"]}},
    )

    payment_method_id: Annotated[str, StringConstraints(pattern=r"^pm_[A-Za-z0-9_]{1,250}$")] | None = None
    set_default: bool = False
    success_url: str | None = None
    cancel_url: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.success_url is None) != (self.cancel_url is None):
            raise ValueError("successUrl and cancelUrl go together")
        if self.payment_method_id is not None and self.success_url is not None:
            raise ValueError("give paymentMethodId, or successUrl and cancelUrl, or neither")
        if self.set_default and self.payment_method_id is None:
            raise ValueError("setDefault goes with paymentMethodId")
        return self


_WAYS: dict[str, Example] = {
    "collected": {"value": {"paymentMethodId": "pm_1QxYz", "setDefault": True}},
    "setupIntent": {"value": {}},
    "hostedPage": {"value": {"successUrl": "https://example.com/saved", "cancelUrl": "https://example.com/account"}},
}


class DefaultPaymentMethodRequest(RequestBody):
    """`payOpenInvoices` pays what is overdue with it, too."""

    model_config = ConfigDict(title="DefaultPaymentMethodRequest")

    set_default: Literal[True]
    pay_open_invoices: bool = False


@router.get("", summary="What the customer can pay with", responses=responses(401, 403, 404, **_ACCOUNT))
async def list_payment_methods(ctx: Ctx, _: Reader, account_id: ActingAccount) -> list[PaymentMethod]:
    """The newest first."""
    async with ctx.pool.acquire() as conn:
        return [payment_method_response(method) for method in await methods_of(conn, account_id)]


@router.post(
    "",
    status_code=201,
    summary="Add a payment method",
    response_model=PaymentMethod | SetupIntent | SetupPage,
    responses=responses(
        401,
        402,
        403,
        404,
        502,
        503,
        invalid_payment_method=(422, "There is no such payment method, or it was used before."),
        invalid_redirect_url=(
            422,
            "Customers are not sent to this URL; details.field says which one it is.",
            {"field": "successUrl"},
        ),
        **_ACCOUNT,
    ),
)
async def add_payment_method(
    request: Request,
    ctx: Ctx,
    _: Writer,
    account_id: ActingAccount,
    once: Once,
    asked: Annotated[PaymentMethodRequest | None, Body(openapi_examples=_WAYS)] = None,
) -> Response:
    """In one of three ways; the first answers the payment method, the second `setupIntentId`, the third `url`."""
    asked = asked or PaymentMethodRequest()
    async with once.attempt(acting_for=account_id) as attempt:
        answer: ResponseBody
        if asked.payment_method_id is not None:
            cause = _cause(request, "a payment method added")
            method = await payment_methods.attach(ctx, account_id, asked.payment_method_id, cause)
            if asked.set_default:
                method = await payment_methods.make_default(ctx, account_id, method.stripe_payment_method_id, cause)
            answer = payment_method_response(method)
        elif asked.success_url is not None and asked.cancel_url is not None:
            url = await payment_methods.open_setup_page(
                ctx, account_id, asked.success_url, asked.cancel_url, attempt.id
            )
            answer = SetupPage(url=url)
        else:
            intent = await payment_methods.start_setup(ctx, account_id, attempt.id)
            answer = SetupIntent(setup_intent_id=intent.stripe_setup_intent_id, client_secret=intent.client_secret)
        return await attempt.answer(ctx.pool, answer)


@router.patch(
    "/{id}",
    summary="Pay with this one from now on",
    responses=responses(401, 402, 403, 404, 502, 503, **_ACCOUNT),
)
async def change_payment_method(
    request: Request,
    ctx: Ctx,
    _: Writer,
    account_id: ActingAccount,
    stripe_id: StripeId,
    asked: DefaultPaymentMethodRequest,
) -> PaymentMethod:
    """For the customer and each of its subscriptions. A 402 is of an open invoice: it is the default all the same."""
    cause = _cause(request, "made the default")
    method = await payment_methods.make_default(ctx, account_id, stripe_id, cause)
    if asked.pay_open_invoices:
        await payment_methods.pay_open_invoices(ctx, account_id, method, cause)
    return payment_method_response(method)


@router.delete(
    "/{id}",
    status_code=204,
    summary="Remove a payment method",
    responses=responses(
        401,
        403,
        404,
        502,
        503,
        default_payment_method_in_use=(400, "A subscription is paid with it. Make another one the default first."),
        **_ACCOUNT,
    ),
)
async def remove_payment_method(
    request: Request, ctx: Ctx, _: Writer, account_id: ActingAccount, stripe_id: StripeId
) -> Response:
    """For good: Stripe attaches it to nobody again."""
    await payment_methods.remove(ctx, account_id, stripe_id, _cause(request, "removed"))
    return Response(status_code=204)


def _cause(request: Request, what: str) -> Cause:
    return Cause("api_call", request_id_of(request), what)
