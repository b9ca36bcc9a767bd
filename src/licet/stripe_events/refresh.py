"""Runs refreshes: reads what an event payload does not contain, one request per job (`sync.py`).

"No such object" is an answer, in a list as in a retrieval: the request is done, and the events that led to it say so.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog

from licet.errors import StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject, id_of
from licet.notifications.failed_payments import notify_failed_checkout
from licet.queue import refresh_store
from licet.queue.refresh_store import Refresh, Requested
from licet.refulfil.jobs import refulfil_product
from licet.stripe_api.failures import is_missing_here
from licet.stripe_events import store
from licet.stripe_events.sync import read

log = structlog.get_logger(__name__)


async def run_refresh(context: Context, refresh: Refresh) -> None:
    """Run one requested refresh, and delete its request. Nothing if it is answered already."""
    async with context.pool.acquire() as conn:
        requested = await refresh_store.find_requested(conn, refresh)
    if requested is None:
        return
    handler = REFRESH_HANDLERS.get(refresh.kind)
    if handler is not None:
        await _run(handler, context, requested)
    else:
        await _read_object(context, refresh, requested.because)
    async with context.pool.acquire() as conn:
        await refresh_store.delete_answered(conn, requested)


async def _run(
    handler: Callable[[Context, Requested], Awaitable[None]], context: Context, requested: Requested
) -> None:
    try:
        await handler(context, requested)
    except StripeRefused as error:
        if not is_missing_here(error):
            raise
        await _note_missing(context, requested.refresh, requested.because)


async def _read_object(context: Context, refresh: Refresh, because: Cause) -> None:
    cause = Cause("stripe_read", refresh.stripe_id, f"read because of {because.id}")
    if await read(context, context.stripe.in_background, refresh.kind, refresh.stripe_id, cause) is None:
        await _note_missing(context, refresh, because)


async def _note_missing(context: Context, refresh: Refresh, because: Cause) -> None:
    """Write in the reason of the events that asked that Stripe has no such object.

    An event that only the read could apply becomes ignored.
    """
    kind = refresh.kind.partition(".")[0] if refresh.kind in REFRESH_HANDLERS else refresh.kind
    log.info("stripe_has_no_such_object", kind=kind, stripe_id=refresh.stripe_id, because=because.id)
    async with context.pool.acquire() as conn, conn.transaction():
        await store.ignore_unread_events(
            conn, refresh.stripe_id, f"Stripe has no {kind} {refresh.stripe_id}: nothing was applied"
        )
        if because.kind == "stripe_event":
            await store.add_reason(
                conn, because.id, refresh.stripe_id, f"Stripe has no {kind} {refresh.stripe_id}, which it names"
            )


async def _read_refunds(context: Context, requested: Requested) -> None:
    """Read all refunds of a charge: their sum is the amount refunded."""
    await _read_all(context, "refund", requested, charge=requested.refresh.stripe_id)


async def _read_links_of_payment_intent(context: Context, requested: Requested) -> None:
    """Read what a payment intent paid for: an invoice, or else a checkout session."""
    payment_intent_id = requested.refresh.stripe_id
    await _read_invoices_paid_by(context, requested, {"type": "payment_intent", "payment_intent": payment_intent_id})
    async for session in context.stripe.in_background.list_all("checkout.session", payment_intent=payment_intent_id):
        await _read_object(context, Refresh("checkout.session", session["id"]), requested.because)


async def _read_links_of_charge(context: Context, requested: Requested) -> None:
    """Read what a charge paid for whose payment intent is not known.

    Stripe lists what a payment intent paid for, and nothing by a charge.
    """
    charge = await context.stripe.in_background.retrieve("charge", requested.refresh.stripe_id)
    if charge is None:
        await _note_missing(context, requested.refresh, requested.because)
        return
    payment_intent_id = id_of(charge.get("payment_intent"))
    if payment_intent_id is not None:
        refresh = Refresh("payment_intent.links", payment_intent_id)
        await _read_links_of_payment_intent(context, replace(requested, refresh=refresh))
        await _read_refunds(context, requested)
        return
    reason = f"charge {charge['id']} has no payment intent: Stripe does not say what it paid for"
    async with context.pool.acquire() as conn:
        await store.add_reason(conn, requested.because.id, charge["id"], reason)


async def _read_invoices_paid_by(context: Context, requested: Requested, payment: dict[str, str]) -> None:
    for invoice_payment in await _read_all(context, "invoice_payment", requested, payment=payment):
        invoice_id = id_of(invoice_payment["invoice"])
        if invoice_id is not None:
            await _read_object(context, Refresh("invoice", invoice_id), requested.because)


async def _read_failed_payment(context: Context, requested: Requested) -> None:
    """Find the checkout of a refused payment and notify its buyer. For an invoice, its event does that.

    Stripe does not link the refused payment of a subscription checkout to its session. The session is taken to be the
    customer's only open one over the same amount; if there are several, no mail is sent rather than a wrong one.
    """
    stripe = context.stripe.in_background
    payment_intent_id = requested.refresh.stripe_id
    payment = {"type": "payment_intent", "payment_intent": payment_intent_id}
    async for _ in stripe.list_all("invoice_payment", payment=payment):
        return
    sessions = [session async for session in stripe.list_all("checkout.session", payment_intent=payment_intent_id)]
    if sessions:
        async with context.pool.acquire() as conn, conn.transaction():
            for session in sessions:
                await notify_failed_checkout(conn, session["id"], context.now())
        return
    intent = await stripe.retrieve("payment_intent", payment_intent_id)
    if intent is None:
        return
    async with context.pool.acquire() as conn, conn.transaction():
        session_ids = await store.list_open_subscription_checkouts(
            conn, id_of(intent.get("customer")), amount=intent["amount"], currency=intent["currency"]
        )
        if len(session_ids) == 1:
            await notify_failed_checkout(conn, session_ids[0], context.now())


async def _refulfil(context: Context, requested: Requested) -> None:
    """The catalogue changed a product: settle its purchases again."""
    await refulfil_product(context, UUID(requested.refresh.stripe_id), requested.because)


async def _read_all(context: Context, kind: str, requested: Requested, **params: Any) -> list[StripeObject]:
    """List the objects that the parameters select, then read and apply each."""
    listed: AsyncIterator[StripeObject] = context.stripe.in_background.list_all(kind, **params)
    objects = [obj async for obj in listed]
    for obj in objects:
        await _read_object(context, Refresh(kind, obj["id"]), requested.because)
    return objects


REFRESH_HANDLERS: Mapping[str, Callable[[Context, Requested], Awaitable[None]]] = {
    "charge.refunds": _read_refunds,
    "payment_intent.links": _read_links_of_payment_intent,
    "charge.links": _read_links_of_charge,
    "payment_intent.failed": _read_failed_payment,
    refresh_store.PRODUCT_CHANGED: _refulfil,
}
"""By kind of refresh, what to read. Every other kind is an object of that kind, which is read and mirrored."""
