"""Lists, adds, updates and removes payment methods: `/api/billing/payment-methods`."""

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
from licet.payment_methods.store import list_methods

router = api_router("/api/billing/payment-methods", tag="billing")

PaymentMethodId = Annotated[
    str, Path(alias="id", max_length=255, description="The payment method's id at Stripe.", examples=["pm_1QxYz"])
]
_ACCOUNT_REQUIRED = {"account_required": (422, "Name the account with ?accountId=.")}


class SetupIntent(ResponseBody):
    """A setup intent, for Stripe.js to collect a card on your page."""

    setup_intent_id: str = Field(examples=["seti_1QxYz"])
    client_secret: str = Field(examples=["seti_1QxYz_secret_a1b2c3"])


class SetupPage(ResponseBody):
    """A page at Stripe on which the customer saves a card."""

    url: str = Field(examples=["https://checkout.stripe.com/c/pay/cs_test_a1b2c3"])


class PaymentMethodRequest(RequestBody):
    """Adds a payment method in one of three ways.

    `paymentMethodId`: attach a payment method that Stripe.js has collected. `successUrl` and `cancelUrl`: create a
    hosted page. None of them: create a setup intent for Stripe.js.
    """

    model_config = ConfigDict(
        json_schema_extra={"dependentRequired": {"successUrl": ["cancelUrl"], "cancelUrl": ["successUrl"]}},
    )

    payment_method_id: Annotated[str, StringConstraints(pattern=r"^pm_[A-Za-z0-9_]{1,250}$")] | None = None
    set_default: bool = False
    success_url: str | None = None
    cancel_url: str | None = None

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        if (self.success_url is None) != (self.cancel_url is None):
            raise ValueError("send successUrl and cancelUrl together")
        if self.payment_method_id is not None and self.success_url is not None:
            raise ValueError("send paymentMethodId, or successUrl and cancelUrl, or none of them")
        if self.set_default and self.payment_method_id is None:
            raise ValueError("send setDefault only with paymentMethodId")
        return self


_REQUEST_EXAMPLES: dict[str, Example] = {
    "collected": {"value": {"paymentMethodId": "pm_1QxYz", "setDefault": True}},
    "setupIntent": {"value": {}},
    "hostedPage": {"value": {"successUrl": "https://example.com/saved", "cancelUrl": "https://example.com/account"}},
}


class DefaultPaymentMethodRequest(RequestBody):
    """Makes a payment method the default. `payOpenInvoices` also pays open invoices with it."""

    set_default: Literal[True]
    pay_open_invoices: bool = False


@router.get("", summary="List payment methods", responses=responses(401, 403, 404, **_ACCOUNT_REQUIRED))
async def list_payment_methods(ctx: Ctx, _: Reader, account_id: ActingAccount) -> list[PaymentMethod]:
    """Lists the customer's payment methods, newest first."""
    async with ctx.pool.acquire() as conn:
        return [payment_method_response(method) for method in await list_methods(conn, account_id)]


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
            "Customers cannot be sent to this URL; details.field names it.",
            {"field": "successUrl"},
        ),
        **_ACCOUNT_REQUIRED,
    ),
)
async def add_payment_method(
    request: Request,
    ctx: Ctx,
    _: Writer,
    account_id: ActingAccount,
    once: Once,
    body: Annotated[PaymentMethodRequest | None, Body(openapi_examples=_REQUEST_EXAMPLES)] = None,
) -> Response:
    """Adds a payment method. Returns it, or a setup intent, or the URL of a hosted page."""
    body = body or PaymentMethodRequest()
    async with once.attempt(acting_for=account_id) as attempt:
        response: ResponseBody
        if body.payment_method_id is not None:
            cause = _cause(request, "payment method added")
            method = await payment_methods.attach(ctx, account_id, body.payment_method_id, cause)
            if body.set_default:
                method = await payment_methods.make_default(ctx, account_id, method.stripe_payment_method_id, cause)
            response = payment_method_response(method)
        elif body.success_url is not None and body.cancel_url is not None:
            url = await payment_methods.open_setup_page(ctx, account_id, body.success_url, body.cancel_url, attempt.id)
            response = SetupPage(url=url)
        else:
            intent = await payment_methods.start_setup(ctx, account_id, attempt.id)
            response = SetupIntent(setup_intent_id=intent.stripe_setup_intent_id, client_secret=intent.client_secret)
        return await attempt.answer(ctx.pool, response)


@router.patch(
    "/{id}",
    summary="Make a payment method the default",
    responses=responses(401, 402, 403, 404, 502, 503, **_ACCOUNT_REQUIRED),
)
async def change_payment_method(
    request: Request,
    ctx: Ctx,
    _: Writer,
    account_id: ActingAccount,
    stripe_id: PaymentMethodId,
    body: DefaultPaymentMethodRequest,
) -> PaymentMethod:
    """Makes a payment method the default of the customer and of all its subscriptions.

    A 402 means that paying an open invoice failed. The payment method is the default nevertheless.
    """
    cause = _cause(request, "payment method made the default")
    method = await payment_methods.make_default(ctx, account_id, stripe_id, cause)
    if body.pay_open_invoices:
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
        default_payment_method_in_use=(
            400,
            "A subscription is paid with it. Make another payment method the default first.",
        ),
        **_ACCOUNT_REQUIRED,
    ),
)
async def remove_payment_method(
    request: Request, ctx: Ctx, _: Writer, account_id: ActingAccount, stripe_id: PaymentMethodId
) -> Response:
    """Removes a payment method permanently: Stripe does not allow it to be attached again."""
    await payment_methods.detach(ctx, account_id, stripe_id, _cause(request, "payment method removed"))
    return Response(status_code=204)


def _cause(request: Request, detail: str) -> Cause:
    return Cause("api_call", request_id_of(request), detail)
