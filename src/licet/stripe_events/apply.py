"""Applies a Stripe object: lock, compare versions, mirror, fulfil. For events and for reads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from licet.db.connection import Connection
from licet.db.locks import lock
from licet.db.mirrors import StoredMirror, find_mirror, write_mirror
from licet.fulfilment import Fulfilled, fulfil
from licet.kit.affected import Affected, ids
from licet.kit.stripe_objects import Paid, StripeObject, id_of, payment_of, subscription_of_invoice
from licet.kit.versions import Rank, Verdict, Version, compare
from licet.licenses.write import ChangeContext
from licet.orders.invoice_mirror import link_payment
from licet.orders.links_store import joined_ids
from licet.queue.refresh_store import Refresh, request
from licet.stripe_events.event import ReceivedEvent
from licet.stripe_events.event_types import EVENT_TYPES, MIRRORS, EventType, not_handled
from licet.stripe_events.failed_payments import invoice_payment_failed
from licet.stripe_events.older_versions import Body
from licet.stripe_events.store import IS_READ

EventOutcome = Literal["applied", "stale", "ignored", "waiting"]


@dataclass(frozen=True)
class Applied:
    """The outcome of applying an object, and its reason where the outcome alone does not say it."""

    outcome: EventOutcome
    reason: str | None = None
    account_id: UUID | None = None


async def apply_event(
    conn: Connection, event: ReceivedEvent, context: ChangeContext, *, was_applied: bool = False
) -> Applied:
    """Apply an event's object and everything that follows from it, in the caller's transaction.

    was_applied: whether the event was applied before. Then it replaces the stored object only if it is surely newer.

    An object in the layout of an unknown API version, or without a field that its mirror needs, is not parsed: a read
    of it is requested instead. What the event's type says is applied all the same.
    """
    event_type = EVENT_TYPES.get(event.type)
    if event_type is None:
        return Applied("ignored", not_handled(event.type))
    body = event.body(event_type.kind)
    version = event.version(body)
    obj = version.object
    await lock_joined(conn, obj, body.paid)
    mirrored = _Mirrored(Affected(), Verdict.NEWER)
    if event_type.kind is not None:
        mirrored = await _mirror_event(conn, event_type, event_type.kind, body, version, was_applied=was_applied)
    affected = mirrored.affected
    if affected.ignored is not None:
        return Applied("ignored", affected.ignored)
    for paid in body.paid:
        # Recorded also by a stale event: a payment that was made is never undone.
        affected |= await link_payment(conn, paid)
    if event_type.fact is not None:
        affected |= await event_type.fact(conn, obj, context)
    if affected.ignored is not None:
        return Applied("ignored", affected.ignored)
    fulfilled = await fulfil(conn, affected, context)
    await _request_reads(conn, affected.reads | fulfilled.reads, context)
    applied = _applied(affected, fulfilled)
    if applied.outcome == "applied" and mirrored.verdict in (Verdict.STALE, Verdict.SEEMS_STALE):
        return Applied("stale", "a newer state is stored", applied.account_id)
    if applied.outcome == "applied" and mirrored.why_read is not None:
        return Applied("applied", f"{mirrored.why_read}: {IS_READ}", applied.account_id)
    return applied


@dataclass(frozen=True)
class _Mirrored:
    """The result of `_mirror_event`. why_read: why the object is read from Stripe, or None."""

    affected: Affected
    verdict: Verdict
    why_read: str | None = None


async def _mirror_event(
    conn: Connection, event_type: EventType, kind: str, body: Body, version: Version, *, was_applied: bool
) -> _Mirrored:
    """Mirror an event's object unless the mirror is newer; request a read of what the event leaves open."""
    obj = version.object
    stored = await find_mirror(conn, obj["id"])
    if not body.readable:
        version = _said_by_type(event_type, stored, version)
    if version.object is not obj:
        await lock_joined(conn, version.object)
    says_enough = body.readable or version.object is not obj
    verdict = compare(stored.version if stored else None, version) if says_enough else Verdict.UNCLEAR
    if was_applied and not verdict.sure:
        verdict = Verdict.UNCLEAR
    if verdict.applies:
        affected = await _mirror(conn, kind, version)
    else:
        affected = _affected_by_unchanged(stored, obj)
    why_read = None if verdict is Verdict.STALE else body.unreadable
    if why_read is None and not verdict.sure:
        why_read = "another event of the same second may be newer"
    if why_read is None and not body.complete and verdict is not Verdict.STALE:
        why_read = "its API version does not show its payment"
    if why_read is not None:
        affected |= Affected(reads=frozenset({(kind, obj["id"])}))
    return _Mirrored(affected, verdict, why_read)


def _said_by_type(event_type: EventType, stored: StoredMirror | None, version: Version) -> Version:
    """The stored state with what the event's type says, for an object that cannot be mirrored."""
    if stored is None or not event_type.says or stored.version.rank is Rank.DELETED:
        return version
    return replace(version, object={**stored.version.object, **event_type.says}, previous=None)


async def apply_read(conn: Connection, kind: str, version: Version, context: ChangeContext) -> Applied:
    """Apply an object that was read from Stripe, in the caller's transaction.

    The caller holds the object's locks and has checked that no newer version was stored since the read began.
    """
    affected = await _mirror(conn, kind, version)
    if affected.ignored is not None:
        return Applied("ignored", affected.ignored)
    if kind == "invoice" and version.object.get("status") == "open":
        # The event of the failed payment may have been one that could not be parsed.
        affected |= await invoice_payment_failed(conn, version.object, context)
    fulfilled = await fulfil(conn, affected, context)
    await _request_reads(conn, affected.reads | fulfilled.reads, context)
    return _applied(affected, fulfilled)


async def lock_joined(conn: Connection, obj: StripeObject, paid: Sequence[Paid] = ()) -> None:
    """Lock every id that joins the object to others, down to its customer, in sorted order.

    paid: the payments that an event in an older layout reports within its object.

    The joined ids are looked up before locking and again under the locks. If a new link appeared meanwhile, all locks
    are released and taken again with the new id included, so that two transactions never wait for each other.
    """
    names = ids_in(obj)
    for payment in paid:
        names |= ids(payment.invoice_id, payment.payment_intent_id, payment.charge_id)
    has_no_customer = not obj.get("customer")
    if has_no_customer:
        names = await joined_ids(conn, names)
    while True:
        savepoint = conn.transaction()
        await savepoint.start()
        await lock(conn, names)
        joined = await joined_ids(conn, names) if has_no_customer else names
        if joined <= names:
            await savepoint.commit()
            return
        await savepoint.rollback()
        names = joined


async def _mirror(conn: Connection, kind: str, version: Version) -> Affected:
    affected = await MIRRORS[kind](conn, version.object, version)
    if affected.ignored is None:
        await write_mirror(conn, version.object["id"], version, affected.account_id)
    return affected


async def _request_reads(conn: Connection, reads: frozenset[tuple[str, str]], context: ChangeContext) -> None:
    for kind, stripe_id in sorted(reads):
        await request(conn, Refresh(kind, stripe_id), context.cause, context.now)


def _applied(affected: Affected, fulfilled: Fulfilled) -> Applied:
    if fulfilled.waits_for:
        names = ", ".join(sorted(fulfilled.waits_for))
        return Applied("waiting", f"waits until the catalogue knows {names}", affected.account_id)
    return Applied("applied", None, affected.account_id)


@dataclass(frozen=True)
class _References:
    """The ids of other objects that an object names."""

    subscription: str | None
    invoice: str | None
    payment_intent: str | None
    charge: str | None


def _references(obj: StripeObject) -> _References:
    kind = obj.get("object")
    payment_intent, charge = payment_of(obj) if kind == "invoice_payment" else (None, None)
    return _References(
        subscription_of_invoice(obj) if kind == "invoice" else id_of(obj.get("subscription")),
        id_of(obj.get("invoice")),
        id_of(obj.get("payment_intent")) or payment_intent,
        id_of(obj.get("charge")) or charge,
    )


def _affected_by_unchanged(stored: StoredMirror | None, obj: StripeObject) -> Affected:
    """The purchases of an object whose mirror stays as it is.

    They are settled again, so that a replay repairs a purchase that was settled wrongly.
    """
    if stored is None:
        return Affected()
    kind, own_id, named = obj.get("object"), ids(obj["id"]), _references(obj)
    return Affected(
        stored.account_id,
        subscriptions=own_id if kind == "subscription" else ids(named.subscription),
        sessions=own_id if kind == "checkout.session" else frozenset(),
        invoices=own_id if kind == "invoice" else ids(named.invoice),
        payment_intents=ids(named.payment_intent),
        charges=own_id if kind == "charge" else ids(named.charge),
    )


def ids_in(obj: StripeObject) -> frozenset[str]:
    """The ids in an object by which it is joined to others."""
    named = _references(obj)
    return ids(
        id_of(obj),
        id_of(obj.get("customer")),
        named.subscription,
        named.invoice,
        named.payment_intent,
        named.charge,
    )
