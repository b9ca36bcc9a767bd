"""Starts a purchase: checks the cart, creates the checkout session at Stripe, stores it.

The session is stored before its URL is returned. Everything before that may be repeated: for the same order id, Stripe
returns the same session.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog

from licet.catalog.core import Offer
from licet.catalog.store import find_offers
from licet.checkout.core import CartLine, build_cart, check_metadata, currency_conflict, trial_days
from licet.checkout.customers import with_customer
from licet.checkout.redirects import check_redirect
from licet.checkout.session import (
    Purchase,
    PurchaseRequest,
    explain,
    invalid_promotion_code,
    session_key,
    session_params,
)
from licet.checkout.store import find_buyer, find_had_trial, find_live_plans, find_other_currency, write_session
from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.errors import Conflict, NotFound, StripeRefused
from licet.http.context import Context
from licet.http.openapi.errors import ErrorExample
from licet.kit.ids import as_id
from licet.stripe_api.calls import time_limit
from licet.stripe_api.client import StripeApi
from licet.stripe_api.once import create_once

log = structlog.get_logger(__name__)


CURRENCY_CONFLICT_ERROR: ErrorExample = (
    409,
    "The purchase is in eur, and the account already has a subscription in usd: Stripe allows one currency for each "
    "customer. Choose prices in that currency, or let the subscription end first.",
    {"currency": "usd", "subscriptionId": "sub_1QxYz"},
)
"""Error of a route that starts a checkout, for its `responses`."""

CHECKOUT_TIMEOUT_SECONDS = 22.0
"""Time limit for all calls to Stripe for one checkout together. A buyer waits for them."""


@dataclass(frozen=True)
class OpenedSession:
    """A session that was created at Stripe and is not stored yet; `start_checkout` stores it."""

    purchase: Purchase
    session: dict[str, Any]
    email: str | None


@dataclass(frozen=True)
class StartedCheckout:
    """A stored session. url: Stripe's payment page."""

    stripe_session_id: str
    url: str


async def open_session(ctx: Context, account_id: UUID, request: PurchaseRequest, order_id: UUID) -> OpenedSession:
    """Create a checkout session at Stripe. Only the session's events issue licenses.

    order_id: the id of the future order; pass the same id to retry. Nothing is stored, whether it succeeds or raises.
    Raises Unprocessable (contract, section 2), Conflict (already_subscribed, currency_conflict), NotFound for an
    unknown account, StripeRefused, StripeUnavailable.
    """
    for field, url in (("successUrl", request.success_url), ("cancelUrl", request.cancel_url)):
        if field not in request.trusted_fields:
            check_redirect(field, url, ctx.settings.redirect_hosts, live=ctx.stripe.live)
    check_metadata(request.metadata)
    with time_limit(CHECKOUT_TIMEOUT_SECONDS):
        return await _open(ctx, account_id, request, order_id)


async def start_checkout(conn: Connection, opened: OpenedSession) -> StartedCheckout:
    """Store the session in the caller's transaction. Return its URL only after the commit."""
    purchase, session = opened.purchase, opened.session
    await write_session(conn, purchase, session, opened.email)
    account_id = str(purchase.account_id)
    log.info("checkout_started", order_id=str(purchase.order_id), account_id=account_id, mode=session["mode"])
    return StartedCheckout(session["id"], session["url"])


async def _open(ctx: Context, account_id: UUID, request: PurchaseRequest, order_id: UUID) -> OpenedSession:
    cart = build_cart(request.items, await _offers(ctx.pool, [item.product_id for item in request.items]))
    buyer = await find_buyer(ctx.pool, account_id)
    if buyer is None:
        raise NotFound("There is no such account.")
    await _refuse_duplicate_plan(ctx.pool, account_id, cart)
    await _refuse_other_currency(ctx.pool, account_id, cart[0].offer.currency)
    with_trial = [line.offer.product_id for line in cart if line.offer.trial_days]
    days = trial_days(cart, await find_had_trial(ctx.pool, account_id, with_trial) if with_trial else set())

    purchase = Purchase(order_id, account_id, cart, days, None, request.one_plan, request.secret)
    try:
        return await with_customer(
            buyer,
            ctx.pool,
            ctx.stripe,
            lambda customer_id: _create_session(ctx, request, purchase, customer_id, email=buyer.email),
        )
    except StripeRefused as refused:
        raise explain(refused, request, cart) from refused


async def _create_session(
    ctx: Context, request: PurchaseRequest, purchase: Purchase, stripe_customer_id: str, *, email: str | None
) -> OpenedSession:
    if request.promotion_code is not None:
        promotion = await promotion_code_id(ctx.stripe, request.promotion_code, stripe_customer_id)
        purchase = replace(purchase, promotion_code_id=promotion)
    params = session_params(purchase, request, stripe_customer_id)
    session = await create_once(ctx.stripe, "checkout.session", params, session_key(purchase, params))
    return OpenedSession(purchase, session, email)


async def _offers(pool: Pool, product_ids: Sequence[str]) -> Mapping[str, Sequence[Offer]]:
    """Return each product's offers by the id in the request; an empty list for an unknown id."""
    parsed = {text: as_id(text) for text in product_ids}
    offers = await find_offers(pool, [product_id for product_id in parsed.values() if product_id is not None])
    return {text: [offer for offer in offers if offer.product_id == product_id] for text, product_id in parsed.items()}


async def _refuse_duplicate_plan(pool: Pool, account_id: UUID, cart: Sequence[CartLine]) -> None:
    plans = [line.offer for line in cart if line.offer.kind == "plan"]
    live = await find_live_plans(pool, account_id, [offer.product_id for offer in plans]) if plans else {}
    for offer in plans:
        if offer.product_id in live:
            raise Conflict(
                f"The account is already subscribed to {offer.product_name}. Change that subscription instead.",
                code="already_subscribed",
                details={"productId": str(offer.product_id), "subscriptionId": live[offer.product_id]},
            )


async def _refuse_other_currency(pool: Pool, account_id: UUID, currency: str) -> None:
    other = await find_other_currency(pool, account_id, currency)
    if other is not None:
        raise currency_conflict(currency, other["currency"], other["stripe_subscription_id"])


_CODE = re.compile(r"[A-Za-z0-9-]{1,200}")


async def promotion_code_id(stripe: StripeApi, code: str, stripe_customer_id: str) -> str:
    """Return the Stripe id of an active code that this customer may use.

    Raises Unprocessable invalid_promotion_code. Stripe checks further conditions, such as a minimum amount, when the
    session is created.
    """
    if not _CODE.fullmatch(code):
        raise invalid_promotion_code()
    async for promotion_code in stripe.list_all("promotion_code", code=code, active=True):
        if promotion_code["customer"] in (None, stripe_customer_id):
            return str(promotion_code["id"])
    raise invalid_promotion_code()
