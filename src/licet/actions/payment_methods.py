"""What a customer pays with: cards are added, made the default, and taken away.

What Stripe answers is applied before the caller is answered. Nothing here is lost by a crash: each step can be asked
for again. Source: contract, section 2; Stripe's documentation, `subscription.default_payment_method`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from licet.actions.store import list_open_invoices, list_paid_by, newest_currency
from licet.actions.subscriptions.pay_invoice import pay_invoice
from licet.checkout.customers import as_customer
from licet.checkout.redirects import check_redirect
from licet.checkout.store import find_buyer
from licet.errors import LicetError, NotFound, StripeRefused, Unprocessable
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.statuses import ENDED
from licet.kit.stripe_objects import StripeObject
from licet.payment_methods.store import PaymentMethodRecord, find_method, is_in_use
from licet.stripe_api.calls import at_most
from licet.stripe_api.once import create_once
from licet.stripe_events.sync import change, read

SECONDS = 22.0
"""How long Stripe may take in all for what one caller waits for."""


class MethodInUse(LicetError):
    """The default of a customer with a subscription, or named by one: it would be left with nothing to pay with."""

    status = 400
    code = "default_payment_method_in_use"


@dataclass(frozen=True)
class StartedSetup:
    """What Stripe.js collects a card with, on a page of the caller's own."""

    stripe_setup_intent_id: str
    client_secret: str


async def attach(ctx: Context, account_id: UUID, stripe_payment_method_id: str, cause: Cause) -> PaymentMethodRecord:
    """Make a method that Stripe.js has collected one of the account's. Attached already, it stays as it is.

    Raises Unprocessable invalid_payment_method (there is none such, it is somebody else's, or used up), CardDeclined,
    and what Stripe's door raises.
    """

    async def ask(stripe_customer_id: str) -> StripeObject | None:
        async def ask_stripe() -> StripeObject | None:
            to = {"customer": stripe_customer_id}
            return await ctx.stripe.act("payment_method", stripe_payment_method_id, "attach", to)

        return await change(ctx, "payment_method", stripe_payment_method_id, cause, ask_stripe)

    try:
        attached = await _as_customer(ctx, account_id, ask)
    except StripeRefused as refused:
        if refused.details.get("stripeStatus") not in (400, 404):
            raise
        # What else Stripe says would tell another account's from one that is not there.
        said = {"stripeRequestId": refused.details.get("stripeRequestId")}
        raise Unprocessable(
            f"{stripe_payment_method_id} cannot be added: there is no such payment method, or it was used before. "
            "Collect a new one with Stripe.js.",
            code="invalid_payment_method",
            details={"paymentMethodId": stripe_payment_method_id, **said},
        ) from refused
    return await get_method(ctx, account_id, attached["id"] if attached else stripe_payment_method_id)


async def start_setup(ctx: Context, account_id: UUID, setup_id: UUID) -> StartedSetup:
    """A setup intent: the card that it collects is attached, and is the default of nothing.

    setup_id: the same again for another try of the same. Raises what Stripe's door raises.
    """

    async def ask(stripe_customer_id: str) -> dict[str, Any]:
        params = {"customer": stripe_customer_id, "usage": "off_session"}
        return await create_once(ctx.stripe, "setup_intent", params, f"licet-setup-{setup_id}-{stripe_customer_id}")

    made = await _as_customer(ctx, account_id, ask)
    return StartedSetup(made["id"], made["client_secret"])


async def open_setup_page(ctx: Context, account_id: UUID, success_url: str, cancel_url: str, setup_id: UUID) -> str:
    """The address of Stripe's page on which a card is saved. setup_id: as for `start_setup`.

    Raises InvalidRedirectUrl, and what Stripe's door raises.
    """
    for field, url in (("successUrl", success_url), ("cancelUrl", cancel_url)):
        check_redirect(field, url, ctx.settings.redirect_hosts, live=ctx.stripe.live)
    currency = await newest_currency(ctx.pool, account_id)

    async def ask(stripe_customer_id: str) -> dict[str, Any]:
        params = {
            "mode": "setup",
            "customer": stripe_customer_id,
            # Stripe offers what is paid with in this currency.
            "currency": currency,
            "success_url": success_url,
            "cancel_url": cancel_url,
        }
        key = f"licet-setup-page-{setup_id}-{stripe_customer_id}"
        return await create_once(ctx.stripe, "checkout.session", params, key)

    page: str = (await _as_customer(ctx, account_id, ask))["url"]
    return page


async def make_default(
    ctx: Context, account_id: UUID, stripe_payment_method_id: str, cause: Cause
) -> PaymentMethodRecord:
    """Let a method pay from now on: of its customer, and of each of its subscriptions that has not ended.

    A subscription with a default of its own would not heed the customer's. Raises NotFound, and what Stripe's door
    raises.
    """
    method = await get_method(ctx, account_id, stripe_payment_method_id)
    with at_most(SECONDS):
        settings = {"invoice_settings": {"default_payment_method": stripe_payment_method_id}}
        await _update(ctx, "customer", method.stripe_customer_id, settings, cause)
        for subscription_id in await list_paid_by(ctx.pool, method.stripe_customer_id):
            await _make_default_of(ctx, subscription_id, stripe_payment_method_id, cause)
    return await get_method(ctx, account_id, stripe_payment_method_id)


async def _make_default_of(
    ctx: Context, stripe_subscription_id: str, stripe_payment_method_id: str, cause: Cause
) -> None:
    try:
        default = {"default_payment_method": stripe_payment_method_id}
        await _update(ctx, "subscription", stripe_subscription_id, default, cause)
    except StripeRefused:
        # One that has ended a moment ago, without our having been told, is paid with nothing more.
        found = await read(ctx, ctx.stripe, "subscription", stripe_subscription_id, cause)
        if found is not None and found["status"] not in ENDED:
            raise


async def pay_open_invoices(ctx: Context, account_id: UUID, method: PaymentMethodRecord, cause: Cause) -> None:
    """Pay what is overdue on the method's customer, the oldest first. Raises CardDeclined at the first refusal."""
    with at_most(SECONDS):
        for invoice_id in await list_open_invoices(ctx.pool, account_id, method.stripe_customer_id):
            await pay_invoice(ctx, invoice_id, cause, stripe_payment_method_id=method.stripe_payment_method_id)


async def remove(ctx: Context, account_id: UUID, stripe_payment_method_id: str, cause: Cause) -> None:
    """Detach a method, for good. Raises NotFound, MethodInUse, and what Stripe's door raises."""
    method = await get_method(ctx, account_id, stripe_payment_method_id)
    async with ctx.pool.acquire() as conn:
        needed = await is_in_use(conn, account_id, method)
    if needed:
        raise MethodInUse(
            "A subscription is paid with this payment method. Make another one the default first: "
            "PATCH /api/billing/payment-methods/{id}.",
            details={"paymentMethodId": stripe_payment_method_id},
        )

    async def ask() -> StripeObject | None:
        return await ctx.stripe.act("payment_method", stripe_payment_method_id, "detach")

    try:
        await change(ctx, "payment_method", stripe_payment_method_id, cause, ask)
    except StripeRefused:
        # Another call of the same moment may have been quicker.
        found = await read(ctx, ctx.stripe, "payment_method", stripe_payment_method_id, cause)
        if found is not None and found.get("customer") is not None:
            raise


async def get_method(ctx: Context, account_id: UUID, stripe_payment_method_id: str) -> PaymentMethodRecord:
    """One of the account's methods. Raises NotFound, also for somebody else's."""
    async with ctx.pool.acquire() as conn:
        found = await find_method(conn, account_id, stripe_payment_method_id)
    if found is None:
        raise NotFound("There is no such payment method.")
    return found


async def _as_customer(ctx: Context, account_id: UUID, ask: Callable[[str], Awaitable[Any]]) -> Any:
    buyer = await find_buyer(ctx.pool, account_id)
    if buyer is None:
        raise NotFound("There is no such account.")
    with at_most(SECONDS):
        return await as_customer(buyer, ctx.pool, ctx.stripe, ask)


async def _update(ctx: Context, kind: str, stripe_id: str, params: dict[str, Any], cause: Cause) -> None:
    async def ask() -> StripeObject | None:
        return await ctx.stripe.update(kind, stripe_id, params)

    await change(ctx, kind, stripe_id, cause, ask)
