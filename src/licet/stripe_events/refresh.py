"""What a payload did not settle is read from Stripe by a job, which answers one request at a time (`reading.py`)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from licet.errors import LicetError
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.redact import redact
from licet.kit.stripe_objects import StripeObject, id_of
from licet.notifications.failed_payments import notify_failed_checkout
from licet.queue import refreshes
from licet.queue.refreshes import Refresh, Requested
from licet.refulfil import refulfil_product
from licet.stripe_events.sync import read

log = structlog.get_logger(__name__)

AGAIN_SECONDS = (5, 30, 120, 600, 3600)
"""How long to wait after a read that failed, by how often it did; the last holds from then on."""


async def refresh(context: Context, wanted: Refresh) -> None:
    """Answer one request for a read. Any failure is kept with the request, which is then due again later."""
    async with context.pool.acquire() as conn:
        requested = await refreshes.find_requested(conn, wanted)
    if requested is None:
        return
    try:
        question = QUESTIONS.get(wanted.kind)
        if question is not None:
            await question(context, requested)
        else:
            await _read_one(context, wanted, requested.because)
    except LicetError as error:
        await _postpone(context, requested, f"{error.code}: {error.message}")
        return
    except Exception as error:
        # A fault of ours, or of the database: kept and tried later like any other, lest it is tried every second.
        log.exception("refresh_raised", kind=wanted.kind, stripe_id=wanted.stripe_id)
        await _postpone(context, requested, type(error).__name__)
        return
    async with context.pool.acquire() as conn:
        await refreshes.answered(conn, requested)


async def _postpone(context: Context, requested: Requested, error: str) -> None:
    seconds = AGAIN_SECONDS[min(requested.attempts, len(AGAIN_SECONDS) - 1)]
    wanted = requested.refresh
    log.warning("refresh_postponed", kind=wanted.kind, stripe_id=wanted.stripe_id, error=error, seconds=seconds)
    async with context.pool.acquire() as conn:
        until = context.now() + timedelta(seconds=seconds)
        await refreshes.postpone(conn, requested, until=until, error=redact(error)[:500])


async def _read_one(context: Context, wanted: Refresh, because: Cause) -> None:
    cause = Cause("stripe_read", wanted.stripe_id, f"asked because of {because.id}")
    await read(context, context.stripe.in_background, wanted.kind, wanted.stripe_id, cause)


async def _read_refunds(context: Context, requested: Requested) -> None:
    """All refunds of a charge: their sum is what was returned."""
    await _read_all(context, "refund", requested, charge=requested.refresh.stripe_id)


async def _read_links_of_payment_intent(context: Context, requested: Requested) -> None:
    """What a payment intent paid for: an invoice, or else a checkout."""
    payment_intent_id = requested.refresh.stripe_id
    await _read_invoices_paid_by(context, requested, {"type": "payment_intent", "payment_intent": payment_intent_id})
    async for session in context.stripe.in_background.list_all("checkout.session", payment_intent=payment_intent_id):
        await _read_one(context, Refresh("checkout.session", session["id"]), requested.because)


async def _read_links_of_charge(context: Context, requested: Requested) -> None:
    """What a charge without a payment intent paid for."""
    await _read_invoices_paid_by(context, requested, {"type": "charge", "charge": requested.refresh.stripe_id})


async def _read_invoices_paid_by(context: Context, requested: Requested, payment: dict[str, str]) -> None:
    for invoice_payment in await _read_all(context, "invoice_payment", requested, payment=payment):
        invoice_id = id_of(invoice_payment["invoice"])
        if invoice_id is not None:
            await _read_one(context, Refresh("invoice", invoice_id), requested.because)


async def _read_failed_payment(context: Context, requested: Requested) -> None:
    """What a refused payment was for. An invoice's own event speaks for it; else it was a checkout.

    A checkout for a subscription leaves no trace on its refused payment: it is the customer's only open one over the
    same amount. Where that is not certain nobody is told, rather than of the wrong one.
    """
    stripe = context.stripe.in_background
    payment_intent_id = requested.refresh.stripe_id
    payment = {"type": "payment_intent", "payment_intent": payment_intent_id}
    async for _ in stripe.list_all("invoice_payment", payment=payment):
        return
    async for _ in stripe.list_all("checkout.session", payment_intent=payment_intent_id):
        return
    intent = await stripe.retrieve("payment_intent", payment_intent_id)
    if intent is None:
        return
    async with context.pool.acquire() as conn, conn.transaction():
        candidates = await conn.fetch(
            """
            SELECT stripe_session_id FROM checkout_sessions
            WHERE made_here AND status = 'open' AND mode = 'subscription' AND amount_total = $2 AND currency = $3
              AND account_id = (SELECT account_id FROM customers WHERE stripe_customer_id = $1)
            """,
            id_of(intent.get("customer")),
            intent["amount"],
            intent["currency"],
        )
        if len(candidates) == 1:
            await notify_failed_checkout(conn, candidates[0]["stripe_session_id"], context.now())


async def _refulfil(context: Context, requested: Requested) -> None:
    """The catalogue changed a product: its purchases are settled anew."""
    await refulfil_product(context, UUID(requested.refresh.stripe_id), requested.because)


async def _read_all(context: Context, kind: str, requested: Requested, **params: Any) -> list[StripeObject]:
    """Read every object that the parameters select, and apply each."""
    found: AsyncIterator[StripeObject] = context.stripe.in_background.list_all(kind, **params)
    objects = [one async for one in found]
    for obj in objects:
        await _read_one(context, Refresh(kind, obj["id"]), requested.because)
    return objects


QUESTIONS: Mapping[str, Callable[[Context, Requested], Awaitable[None]]] = {
    "charge.refunds": _read_refunds,
    "payment_intent.links": _read_links_of_payment_intent,
    "charge.links": _read_links_of_charge,
    "payment_intent.failed": _read_failed_payment,
    refreshes.PRODUCT_CHANGED: _refulfil,
}
"""What is asked about an object rather than for it. Every other kind is the object itself, and has a mirror."""
