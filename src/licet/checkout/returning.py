"""The buyer comes back: what became of the checkout, by the session's id or the secret in an address of ours.

Holding either is enough, so it gives nothing beyond that one checkout. Only sessions that we made are looked up, in our
own rows, before Stripe is asked for anything. What is read walks the same way as an event: whichever comes first does
the work, and the other finds it done. Source: contract, section 3.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

import asyncpg
import structlog

from licet.checkout.store import hash_of_secret
from licet.errors import NotFound
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.orders.core import PAID_STATUSES
from licet.stripe_api.calls import at_most
from licet.stripe_events.sync import read

log = structlog.get_logger(__name__)

RETURN_WAIT_SECONDS = 5.0
"""How long to wait for work that is under way elsewhere."""

SECRET_VALID_FOR = timedelta(hours=24)
"""After the session itself has expired."""

CheckoutOutcome = Literal["processed", "pending", "failed", "expired"]


@dataclass(frozen=True)
class CheckoutResult:
    """What became of a checkout. Ids are Stripe's, and None as long as it is pending."""

    outcome: CheckoutOutcome
    account_id: UUID
    stripe_subscription_id: str | None = None
    stripe_product_id: str | None = None
    stripe_price_id: str | None = None


async def process_return(ctx: Context, secret: str, cause: Cause) -> CheckoutResult:
    """Do what the checkout's event would do, if nobody has yet, and say what became of it. Safe to repeat.

    secret: the session's id, or the token. Raises NotFound checkout_not_found, and what Stripe's door raises.
    """
    session = await _get(ctx, secret)
    if _settled(session):
        return _returned(session)
    with at_most(RETURN_WAIT_SECONDS * 2):
        try:
            async with asyncio.timeout(RETURN_WAIT_SECONDS):
                await _catch_up(ctx, session["stripe_session_id"], cause)
        except TimeoutError:
            # Somebody else is at it, and longer than anybody waits for: what they write is told the next time.
            log.warning("checkout_still_under_way", session=session["stripe_session_id"])
    return _returned(await _get(ctx, secret))


async def _catch_up(ctx: Context, stripe_session_id: str, cause: Cause) -> None:
    session = await read(ctx, ctx.stripe, "checkout.session", stripe_session_id, cause)
    if session is None or session["payment_status"] not in PAID_STATUSES or not session.get("subscription"):
        return
    subscription_id: str = session["subscription"]
    known = await ctx.pool.fetchval(
        "SELECT EXISTS (SELECT 1 FROM subscriptions WHERE stripe_subscription_id = $1)", subscription_id
    )
    if not known:
        await read(ctx, ctx.stripe, "subscription", subscription_id, cause)


async def _get(ctx: Context, secret: str) -> asyncpg.Record:
    """The session, with what it bought. Raises NotFound checkout_not_found."""
    row = await ctx.pool.fetchrow(
        """
        SELECT session.stripe_session_id, session.account_id, session.status, session.payment_status,
               session.payment_failed, session.stripe_subscription_id, session.expires_at,
               subscription.status AS subscription_status, line.stripe_product_id, line.stripe_price_id,
               second.found_at IS NOT NULL AS second, second.found_at IS NOT NULL AND second.due_at IS NULL AS undone,
               session.token_hash IS NOT DISTINCT FROM $2 AS by_token
        FROM checkout_sessions AS session
        LEFT JOIN subscriptions AS subscription USING (stripe_subscription_id)
        LEFT JOIN second_plans AS second USING (stripe_subscription_id)
        LEFT JOIN checkout_lines AS line ON line.stripe_session_id = session.stripe_session_id AND line.position = 0
        WHERE session.made_here AND (session.stripe_session_id = $1 OR session.token_hash = $2)
        """,
        secret,
        hash_of_secret(secret),
    )
    if row is None or (row["by_token"] and ctx.now() >= row["expires_at"] + SECRET_VALID_FOR):
        raise NotFound("There is no such checkout.", code="checkout_not_found")
    return row


def _settled(session: asyncpg.Record) -> bool:
    """Whether nothing that Stripe could say is missing."""
    if session["status"] == "expired" or session["payment_failed"]:
        return True
    paid = session["status"] == "complete" and session["payment_status"] in PAID_STATUSES
    return paid and (session["stripe_subscription_id"] is None or session["subscription_status"] is not None)


def _returned(session: asyncpg.Record) -> CheckoutResult:
    account_id: UUID = session["account_id"]
    if session["status"] == "expired":
        return CheckoutResult("expired", account_id)
    # A plan that was bought a second time is undone: the buyer has the first one.
    if session["payment_failed"] or session["undone"]:
        return CheckoutResult("failed", account_id)
    # Where it seems to be bought a second time, Stripe is asked first whether it is.
    if not _settled(session) or session["second"]:
        return CheckoutResult("pending", account_id)
    return CheckoutResult(
        "processed",
        account_id,
        session["stripe_subscription_id"],
        session["stripe_product_id"],
        session["stripe_price_id"],
    )
