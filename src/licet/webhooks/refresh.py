"""What a payload did not settle is read from Stripe, and walks the same way as an event.

A read is applied only if nothing newer came while it was under way: the object's revision is taken before asking and
compared under the object's locks; where it differs, Stripe is asked again.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from licet import announcements
from licet.db.mirrors import find_revision
from licet.errors import LicetError
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.redact import redact
from licet.kit.stripe_objects import StripeObject, id_of
from licet.kit.versions import Rank, Version
from licet.licenses.settle import Settling
from licet.queue import refreshes
from licet.queue.refreshes import Refresh, Requested
from licet.refulfil import refulfil_product
from licet.webhooks.payload import clean
from licet.webhooks.walk import lock_joined, walk_read

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
            await _read_until_settled(context, wanted, requested.because)
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


async def _read_until_settled(context: Context, wanted: Refresh, because: Cause) -> None:
    """Read one object and apply it; read it again while it changes under our hands."""
    settled = False
    while not settled:
        async with context.pool.acquire() as conn:
            revision = await find_revision(conn, wanted.stripe_id)
        asked_at = context.now()
        obj = await _read(context, wanted)
        if obj is None:
            log.info("refresh_found_nothing", kind=wanted.kind, stripe_id=wanted.stripe_id)
            return
        version = Version(clean(obj), asked_at, Rank.DELETED if obj.get("deleted") else Rank.OTHER, was_read=True)
        settled = await _apply(context, wanted.kind, version, revision, because)


async def _apply(context: Context, kind: str, version: Version, revision: int, because: Cause) -> bool:
    async with context.pool.acquire() as conn, conn.transaction():
        await lock_joined(conn, version.object)
        if await find_revision(conn, version.object["id"]) != revision:
            return False
        cause = Cause("stripe_read", version.object["id"], f"asked because of {because.id}")
        await walk_read(conn, kind, version, Settling(context.keyring, cause, context.now()))
        return True


async def _read(context: Context, wanted: Refresh) -> StripeObject | None:
    """The object with all its parts: lists that Stripe cuts off are read to their end."""
    stripe = context.stripe.in_background
    expand, part, owner = WHOLE.get(wanted.kind, ((), None, None))
    obj = await stripe.retrieve(wanted.kind, wanted.stripe_id, expand)
    if obj is not None and part is not None and owner is not None:
        name, item = part
        if obj.get(name, {}).get("has_more"):
            everything = [one async for one in stripe.list_all(item, **{owner: wanted.stripe_id})]
            obj[name] = {**obj[name], "data": everything, "has_more": False}
    return obj


WHOLE: Mapping[str, tuple[tuple[str, ...], tuple[str, str] | None, str | None]] = {
    "checkout.session": (("line_items",), ("line_items", "item"), "session"),
    "invoice": (("payments",), ("lines", "line_item"), "invoice"),
    "subscription": ((), ("items", "subscription_item"), "subscription"),
}
"""By kind: what to expand, (the list in it, the kind of its items), and the parameter that names their owner."""


async def _read_refunds(context: Context, requested: Requested) -> None:
    """All refunds of a charge: their sum is what was returned."""
    await _read_all(context, "refund", requested, charge=requested.refresh.stripe_id)


async def _read_links_of_payment_intent(context: Context, requested: Requested) -> None:
    """What a payment intent paid for: an invoice, or else a checkout."""
    payment_intent_id = requested.refresh.stripe_id
    await _read_invoices_paid_by(context, requested, {"type": "payment_intent", "payment_intent": payment_intent_id})
    async for session in context.stripe.in_background.list_all("checkout.session", payment_intent=payment_intent_id):
        await _read_until_settled(context, Refresh("checkout.session", session["id"]), requested.because)


async def _read_links_of_charge(context: Context, requested: Requested) -> None:
    """What a charge without a payment intent paid for."""
    await _read_invoices_paid_by(context, requested, {"type": "charge", "charge": requested.refresh.stripe_id})


async def _read_invoices_paid_by(context: Context, requested: Requested, payment: dict[str, str]) -> None:
    for invoice_payment in await _read_all(context, "invoice_payment", requested, payment=payment):
        invoice_id = id_of(invoice_payment["invoice"])
        if invoice_id is not None:
            await _read_until_settled(context, Refresh("invoice", invoice_id), requested.because)


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
            await announcements.failed_checkout(conn, candidates[0]["stripe_session_id"], context.now())


async def _refulfil(context: Context, requested: Requested) -> None:
    """The catalogue changed a product: its purchases are settled anew."""
    await refulfil_product(context, UUID(requested.refresh.stripe_id), requested.because)


async def _read_all(context: Context, kind: str, requested: Requested, **params: Any) -> list[StripeObject]:
    """Read every object that the parameters select, and apply each."""
    found: AsyncIterator[StripeObject] = context.stripe.in_background.list_all(kind, **params)
    objects = [one async for one in found]
    for obj in objects:
        await _read_until_settled(context, Refresh(kind, obj["id"]), requested.because)
    return objects


QUESTIONS: Mapping[str, Callable[[Context, Requested], Awaitable[None]]] = {
    "charge.refunds": _read_refunds,
    "payment_intent.links": _read_links_of_payment_intent,
    "charge.links": _read_links_of_charge,
    "payment_intent.failed": _read_failed_payment,
    refreshes.PRODUCT_CHANGED: _refulfil,
}
"""What is asked about an object rather than for it. Every other kind is the object itself, and has a mirror."""
