"""Attaches payment methods to an account, makes one the default, and detaches them.

What Stripe answers is applied before the caller gets its response. Each step is safe to repeat after a crash.
Source: contract, section 2; Stripe's documentation, `subscription.default_payment_method`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from licet.actions.store import find_currency, list_open_invoices, list_subscriptions_of_customer
from licet.actions.subscriptions.pay_invoice import pay_invoice
from licet.checkout.customers import with_customer
from licet.checkout.redirects import check_redirect
from licet.checkout.store import find_buyer
from licet.errors import LicetError, NotFound, StripeRefused, Unprocessable
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.statuses import ENDED
from licet.payment_methods.store import PaymentMethodRecord, find_method, is_in_use
from licet.stripe_api.calls import time_limit
from licet.stripe_api.once import create_once
from licet.stripe_events import sync

PAYMENT_METHOD_TIMEOUT_SECONDS = 22.0
"""Time limit for all calls to Stripe for one request together. A caller waits for them."""


class MethodInUse(LicetError):
    """A subscription that has not ended is charged to this payment method."""

    status = 400
    code = "default_payment_method_in_use"


@dataclass(frozen=True)
class StartedSetup:
    """A setup intent, with which Stripe.js collects a card on the caller's own page."""

    stripe_setup_intent_id: str
    client_secret: str


async def attach(ctx: Context, account_id: UUID, stripe_payment_method_id: str, cause: Cause) -> PaymentMethodRecord:
    """Attach a payment method that Stripe.js has collected to the account.

    A method that is attached already stays as it is. Raises Unprocessable invalid_payment_method (it does not exist,
    belongs to another customer, or was used up), CardDeclined, StripeRefused, StripeUnavailable.
    """
    try:
        attached = await _as_customer(
            ctx,
            account_id,
            lambda customer_id: sync.act(
                ctx, "payment_method", stripe_payment_method_id, "attach", cause, params={"customer": customer_id}
            ),
        )
    except StripeRefused as refused:
        if refused.details.get("stripeStatus") not in (400, 404):
            raise
        # Stripe's own message would tell a caller whether another account has this payment method.
        request_id = {"stripeRequestId": refused.details.get("stripeRequestId")}
        raise Unprocessable(
            f"{stripe_payment_method_id} cannot be added: there is no such payment method, or it was used before. "
            "Collect a new one with Stripe.js.",
            code="invalid_payment_method",
            details={"paymentMethodId": stripe_payment_method_id, **request_id},
        ) from refused
    return await get_method(ctx, account_id, attached["id"])


async def start_setup(ctx: Context, account_id: UUID, setup_id: UUID) -> StartedSetup:
    """Create a setup intent. The card that it collects is attached, and is not made a default.

    setup_id: the same for another try of the same request. Raises StripeRefused, StripeUnavailable.
    """
    intent = await _as_customer(
        ctx,
        account_id,
        lambda customer_id: create_once(
            ctx.stripe,
            "setup_intent",
            {"customer": customer_id, "usage": "off_session"},
            f"licet-setup-{setup_id}-{customer_id}",
        ),
    )
    return StartedSetup(intent["id"], intent["client_secret"])


async def open_setup_page(ctx: Context, account_id: UUID, success_url: str, cancel_url: str, setup_id: UUID) -> str:
    """The URL of a Stripe Checkout page that saves a card. setup_id: as for `start_setup`.

    Raises InvalidRedirectUrl, StripeRefused, StripeUnavailable.
    """
    for field, url in (("successUrl", success_url), ("cancelUrl", cancel_url)):
        check_redirect(field, url, ctx.settings.redirect_hosts, live=ctx.stripe.live)
    params = {
        "mode": "setup",
        # Stripe offers the payment methods that can pay in this currency.
        "currency": await find_currency(ctx.pool, account_id),
        "success_url": success_url,
        "cancel_url": cancel_url,
    }
    session = await _as_customer(
        ctx,
        account_id,
        lambda customer_id: create_once(
            ctx.stripe,
            "checkout.session",
            {**params, "customer": customer_id},
            f"licet-setup-page-{setup_id}-{customer_id}",
        ),
    )
    page_url: str = session["url"]
    return page_url


async def make_default(
    ctx: Context, account_id: UUID, stripe_payment_method_id: str, cause: Cause
) -> PaymentMethodRecord:
    """Make a payment method the default of its customer and of the customer's subscriptions.

    A subscription with a default of its own ignores the customer's. Ended subscriptions are left out. Raises NotFound,
    StripeRefused, StripeUnavailable.
    """
    method = await get_method(ctx, account_id, stripe_payment_method_id)
    with time_limit(PAYMENT_METHOD_TIMEOUT_SECONDS):
        settings = {"invoice_settings": {"default_payment_method": stripe_payment_method_id}}
        await sync.update(ctx, "customer", method.stripe_customer_id, settings, cause)
        for subscription_id in await list_subscriptions_of_customer(ctx.pool, method.stripe_customer_id):
            await _make_default_of(ctx, subscription_id, stripe_payment_method_id, cause)
    return await get_method(ctx, account_id, stripe_payment_method_id)


async def _make_default_of(
    ctx: Context, stripe_subscription_id: str, stripe_payment_method_id: str, cause: Cause
) -> None:
    try:
        params = {"default_payment_method": stripe_payment_method_id}
        await sync.update(ctx, "subscription", stripe_subscription_id, params, cause)
    except StripeRefused:
        # The subscription may have ended a moment ago, before Stripe reported it: then it needs no payment method.
        subscription = await sync.read(ctx, ctx.stripe, "subscription", stripe_subscription_id, cause)
        if subscription is not None and subscription["status"] not in ENDED:
            raise


async def pay_open_invoices(ctx: Context, account_id: UUID, method: PaymentMethodRecord, cause: Cause) -> None:
    """Pay the overdue invoices of the method's customer, oldest first.

    Raises CardDeclined at the first refusal.
    """
    with time_limit(PAYMENT_METHOD_TIMEOUT_SECONDS):
        for invoice_id in await list_open_invoices(ctx.pool, account_id, method.stripe_customer_id):
            await pay_invoice(ctx, invoice_id, cause, stripe_payment_method_id=method.stripe_payment_method_id)


async def detach(ctx: Context, account_id: UUID, stripe_payment_method_id: str, cause: Cause) -> None:
    """Detach a payment method, which cannot be undone.

    Raises NotFound, MethodInUse, StripeRefused, StripeUnavailable.
    """
    method = await get_method(ctx, account_id, stripe_payment_method_id)
    async with ctx.pool.acquire() as conn:
        needed = await is_in_use(conn, account_id, method)
    if needed:
        raise MethodInUse(
            "A subscription is paid with this payment method. Make another one the default first: "
            "PATCH /api/billing/payment-methods/{id}.",
            details={"paymentMethodId": stripe_payment_method_id},
        )
    try:
        await sync.act(ctx, "payment_method", stripe_payment_method_id, "detach", cause)
    except StripeRefused:
        # Another call may have detached it at the same moment.
        detached = await sync.read(ctx, ctx.stripe, "payment_method", stripe_payment_method_id, cause)
        if detached is not None and detached.get("customer") is not None:
            raise


async def get_method(ctx: Context, account_id: UUID, stripe_payment_method_id: str) -> PaymentMethodRecord:
    """One of the account's payment methods. Raises NotFound, also for another account's."""
    async with ctx.pool.acquire() as conn:
        method = await find_method(conn, account_id, stripe_payment_method_id)
    if method is None:
        raise NotFound("There is no such payment method.")
    return method


async def _as_customer(ctx: Context, account_id: UUID, call: Callable[[str], Awaitable[Any]]) -> Any:
    """Return the result of `call`, which gets the Stripe id of the account's customer.

    If Stripe has deleted that customer, `call` is repeated with a new one.
    """
    buyer = await find_buyer(ctx.pool, account_id)
    if buyer is None:
        raise NotFound("There is no such account.")
    with time_limit(PAYMENT_METHOD_TIMEOUT_SECONDS):
        return await with_customer(buyer, ctx.pool, ctx.stripe, call)
