"""Returns the outcome of a checkout to a returning buyer.

The buyer is identified by the session's id or the secret in the return URL. Either of them is enough, so the response
is limited to that one checkout. Only stored sessions that Licet created are looked up; Stripe is called only for those.
An object that is read is applied like an event: the first of the two does the work, and the second changes nothing.
Source: contract, section 3.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

import asyncpg
import structlog

from licet.checkout.store import find_session_of_secret, is_mirrored
from licet.errors import NotFound
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.orders.core import PAID_STATUSES
from licet.stripe_api.calls import time_limit
from licet.stripe_events.sync import read

log = structlog.get_logger(__name__)

RETURN_WAIT_SECONDS = 5.0
"""How long to wait for another process that applies the same objects."""

SECRET_VALID_FOR = timedelta(hours=24)
"""How long the secret is valid after the session has expired."""

CheckoutOutcome = Literal["processed", "pending", "failed", "expired"]


@dataclass(frozen=True)
class CheckoutResult:
    """The outcome of a checkout. Ids are Stripe's, and None unless it is processed."""

    outcome: CheckoutOutcome
    account_id: UUID
    stripe_subscription_id: str | None = None
    stripe_product_id: str | None = None
    stripe_price_id: str | None = None


async def process_return(ctx: Context, secret: str, cause: Cause) -> CheckoutResult:
    """Apply the checkout as read from Stripe unless its event was applied; return the outcome.

    Safe to repeat. secret: the session's id, or the token of the return URL.
    Raises NotFound checkout_not_found, StripeRefused, StripeUnavailable.
    """
    session = await _get_session(ctx, secret)
    if _settled(session):
        return _result_of(session)
    with time_limit(RETURN_WAIT_SECONDS * 2):
        try:
            async with asyncio.timeout(RETURN_WAIT_SECONDS):
                await _catch_up(ctx, session["stripe_session_id"], cause)
        except TimeoutError:
            # Another process still applies it. The buyer's next request returns the result.
            log.warning("checkout_still_in_progress", session=session["stripe_session_id"])
    return _result_of(await _get_session(ctx, secret))


async def _catch_up(ctx: Context, stripe_session_id: str, cause: Cause) -> None:
    session = await read(ctx, ctx.stripe, "checkout.session", stripe_session_id, cause)
    if session is None or session["payment_status"] not in PAID_STATUSES or not session.get("subscription"):
        return
    subscription_id: str = session["subscription"]
    if not await is_mirrored(ctx.pool, subscription_id):
        await read(ctx, ctx.stripe, "subscription", subscription_id, cause)


async def _get_session(ctx: Context, secret: str) -> asyncpg.Record:
    """Return the session. Raises NotFound checkout_not_found."""
    session = await find_session_of_secret(ctx.pool, secret)
    if session is None or (session["by_token"] and ctx.now() >= session["expires_at"] + SECRET_VALID_FOR):
        raise NotFound("There is no such checkout.", code="checkout_not_found")
    return session


def _settled(session: asyncpg.Record) -> bool:
    """Whether the outcome is final, so that nothing needs to be read from Stripe."""
    if session["status"] == "expired" or session["payment_failed"]:
        return True
    paid = session["status"] == "complete" and session["payment_status"] in PAID_STATUSES
    return paid and (session["stripe_subscription_id"] is None or session["subscription_status"] is not None)


def _result_of(session: asyncpg.Record) -> CheckoutResult:
    account_id: UUID = session["account_id"]
    if session["status"] == "expired":
        return CheckoutResult("expired", account_id)
    if session["payment_failed"]:
        return CheckoutResult("failed", account_id)
    # It appears to contain a duplicate plan. A read from Stripe decides whether it does.
    if not _settled(session) or session["duplicate"]:
        return CheckoutResult("pending", account_id)
    # Nothing stays of it: a duplicate plan was undone, and the buyer keeps the first one.
    if session["stripe_product_id"] is None:
        return CheckoutResult("failed", account_id)
    return CheckoutResult(
        "processed",
        account_id,
        session["stripe_subscription_id"] if session["interval"] is not None else None,
        session["stripe_product_id"],
        session["stripe_price_id"],
    )
