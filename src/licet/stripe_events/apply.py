"""The one way from a Stripe object to licenses: lock, compare, mirror, fulfil. Events and reads walk it alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from licet.db.connection import Connection
from licet.db.locks import lock
from licet.db.mirrors import find_held, hold
from licet.fulfilment import fulfil
from licet.kit.affected import Affected, ids
from licet.kit.stripe_objects import Paid, StripeObject, id_of, payment_of, subscription_of_invoice
from licet.kit.versions import Verdict, Version, compare
from licet.licenses.write import ChangeContext
from licet.orders.invoice_mirror import link_payment
from licet.orders.links_store import joined_ids
from licet.queue.refreshes import Refresh, request
from licet.stripe_events.event_types import MIRRORS, Row
from licet.stripe_events.failed_payments import invoice_payment_failed
from licet.stripe_events.older_versions import Body

Outcome = Literal["applied", "stale", "ignored", "parked"]


@dataclass(frozen=True)
class Applied:
    """What became of an object on its way, and why, where that is not plain."""

    outcome: Outcome
    reason: str | None = None
    account_id: UUID | None = None


async def apply_event(conn: Connection, version: Version, body: Body, row: Row, settling: ChangeContext) -> Applied:
    """Take the object of an event all the way, in the caller's transaction.

    body: what `version` was made from. One that is not readable is not parsed: the object is read instead.
    """
    obj = version.object
    await lock_joined(conn, obj, body.paid)
    touched, verdict = Affected(), Verdict.NEWER
    if row.kind is not None:
        held = await find_held(conn, obj["id"])
        verdict = compare(held.version if held else None, version) if body.readable else Verdict.UNCLEAR
        if verdict.applies:
            touched = await _mirror(conn, row.kind, version)
        else:
            # Nothing new, but settled all the same: that is how a replay mends what once went wrong.
            touched = Affected(held.account_id) | _touched_by(obj) if held else Affected()
        if not verdict.sure:
            touched |= Affected(reads=frozenset({(row.kind, obj["id"])}))
    if touched.ignored is not None:
        return Applied("ignored", touched.ignored)
    for paid in body.paid:
        # Whatever is newer: a payment that was made stays made.
        touched |= await link_payment(conn, paid)
    if row.fact is not None and body.readable:
        touched |= await row.fact(conn, obj, settling)
    walked = await _settle(conn, touched, settling)
    if walked.outcome == "applied" and verdict in (Verdict.STALE, Verdict.SEEMS_STALE):
        return Applied("stale", "we hold a newer state", walked.account_id)
    if walked.outcome == "applied" and not verdict.sure:
        why = (
            "another event of the same moment leaves open which is newer"
            if body.readable
            else "it has an unknown version's layout"
        )
        return Applied("applied", f"{why}: Stripe is asked", walked.account_id)
    return walked


async def apply_read(conn: Connection, kind: str, version: Version, settling: ChangeContext) -> Applied:
    """Take an object that was read all the way. The caller has seen that nothing newer came while it asked."""
    touched = await _mirror(conn, kind, version)
    if touched.ignored is not None:
        return Applied("ignored", touched.ignored)
    if kind == "invoice" and version.object["status"] == "open" and version.object["attempt_count"] > 0:
        # Its failure's own event may have been one that could not be parsed.
        touched |= await invoice_payment_failed(conn, version.object, settling)
    return await _settle(conn, touched, settling)


async def lock_joined(conn: Connection, obj: StripeObject, paid: Sequence[Paid] = ()) -> None:
    """Lock every id that joins the object to others, down to its customer, in one order.

    paid: the payments that an older layout tells of beside it.

    What is joined is looked up before locking, and again under the locks: what was linked meanwhile is locked too, from
    the start, so that no two transactions ever wait for each other.
    """
    names = ids_in(obj)
    for one in paid:
        names |= ids(one.invoice_id, one.payment_intent_id, one.charge_id)
    alone = not obj.get("customer")
    if alone:
        names = await joined_ids(conn, names)
    while True:
        savepoint = conn.transaction()
        await savepoint.start()
        await lock(conn, names)
        joined = await joined_ids(conn, names) if alone else names
        if joined <= names:
            await savepoint.commit()
            return
        await savepoint.rollback()
        names = joined


async def _mirror(conn: Connection, kind: str, version: Version) -> Affected:
    touched = await MIRRORS[kind](conn, version.object, version)
    if touched.ignored is None:
        await hold(conn, version.object["id"], version, touched.account_id)
    return touched


async def _settle(conn: Connection, touched: Affected, settling: ChangeContext) -> Applied:
    fulfilled = await fulfil(conn, touched, settling)
    for kind, stripe_id in sorted(touched.reads | fulfilled.reads):
        await request(conn, Refresh(kind, stripe_id), settling.cause, settling.now)
    if fulfilled.waits_for:
        names = ", ".join(sorted(fulfilled.waits_for))
        return Applied("parked", f"waits until the catalogue knows {names}", touched.account_id)
    return Applied("applied", None, touched.account_id)


@dataclass(frozen=True)
class _Named:
    """The ids of others that an object names."""

    subscription: str | None
    invoice: str | None
    payment_intent: str | None
    charge: str | None


def _named(obj: StripeObject) -> _Named:
    kind = obj.get("object")
    payment_intent, charge = payment_of(obj) if kind == "invoice_payment" else (None, None)
    return _Named(
        subscription_of_invoice(obj) if kind == "invoice" else id_of(obj.get("subscription")),
        id_of(obj.get("invoice")),
        id_of(obj.get("payment_intent")) or payment_intent,
        id_of(obj.get("charge")) or charge,
    )


def _touched_by(obj: StripeObject) -> Affected:
    """What an object that changes nothing belongs to."""
    kind, itself, named = obj.get("object"), ids(obj["id"]), _named(obj)
    return Affected(
        subscriptions=itself if kind == "subscription" else ids(named.subscription),
        sessions=itself if kind == "checkout.session" else frozenset(),
        invoices=itself if kind == "invoice" else ids(named.invoice),
        payment_intents=ids(named.payment_intent),
        charges=itself if kind == "charge" else ids(named.charge),
    )


def ids_in(obj: StripeObject) -> frozenset[str]:
    """The ids in an object by which it is joined to others."""
    named = _named(obj)
    return ids(
        obj["id"],
        id_of(obj.get("customer")),
        named.subscription,
        named.invoice,
        named.payment_intent,
        named.charge,
    )
