"""The one way from a Stripe object to licenses: lock, compare, mirror, fulfil. Events and reads walk it alike."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from licet.db.connection import Connection
from licet.db.locks import lock
from licet.db.mirrors import find_held, hold
from licet.fulfilment import fulfil
from licet.kit.stripe_objects import StripeObject, id_of, payment_of, subscription_of_invoice
from licet.kit.touched import Touched, ids
from licet.kit.versions import Verdict, Version, compare
from licet.licenses.settle import Settling
from licet.orders.links import joined_ids
from licet.queue.refreshes import Refresh, request
from licet.webhooks.table import MIRRORS, Row

Outcome = Literal["applied", "stale", "ignored", "parked"]


@dataclass(frozen=True)
class Walked:
    """What became of an object on its way, and why, where that is not plain."""

    outcome: Outcome
    reason: str | None = None
    account_id: UUID | None = None


async def walk_event(conn: Connection, version: Version, row: Row, settling: Settling) -> Walked:
    """Take the object of an event all the way, in the caller's transaction."""
    if row.parked is not None:
        return Walked("parked", row.parked)
    obj = version.object
    await lock_joined(conn, obj)
    touched, verdict = Touched(), Verdict.NEWER
    if row.kind is not None:
        held = await find_held(conn, obj["id"])
        verdict = compare(held.version if held else None, version)
        touched = Touched(held.account_id if held else None)
        if verdict is Verdict.NEWER:
            touched = await _mirror(conn, row.kind, version)
        elif verdict is Verdict.UNCLEAR:
            touched |= Touched(reads=frozenset({(row.kind, obj["id"])}))
    if touched.ignored is not None:
        return Walked("ignored", touched.ignored)
    if row.fact is not None:
        touched |= await row.fact(conn, obj, settling)
    walked = await _settle(conn, touched, settling)
    if walked.outcome == "applied" and verdict is Verdict.STALE:
        return Walked("stale", "we hold a newer state", walked.account_id)
    if walked.outcome == "applied" and verdict is Verdict.UNCLEAR:
        return Walked("applied", "another event of the same second contradicts it: Stripe is asked", walked.account_id)
    return walked


async def walk_read(conn: Connection, kind: str, version: Version, settling: Settling) -> Walked:
    """Take an object that was read all the way. The caller has seen that nothing newer came while it asked."""
    touched = await _mirror(conn, kind, version)
    if touched.ignored is not None:
        return Walked("ignored", touched.ignored)
    return await _settle(conn, touched, settling)


async def lock_joined(conn: Connection, obj: StripeObject) -> None:
    """Lock every id that joins the object to others, down to its customer, in one order.

    What is joined is looked up before locking, and again under the locks: what was linked meanwhile is locked too, from
    the start, so that no two transactions ever wait for each other.
    """
    names = ids_in(obj)
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


async def _mirror(conn: Connection, kind: str, version: Version) -> Touched:
    touched = await MIRRORS[kind](conn, version.object, version)
    if touched.ignored is None:
        await hold(conn, version.object["id"], version, touched.account_id)
    return touched


async def _settle(conn: Connection, touched: Touched, settling: Settling) -> Walked:
    fulfilled = await fulfil(conn, touched, settling)
    for kind, stripe_id in sorted(touched.reads | fulfilled.reads):
        await request(conn, Refresh(kind, stripe_id), settling.cause, settling.now)
    if fulfilled.waits_for:
        names = ", ".join(sorted(fulfilled.waits_for))
        return Walked("parked", f"waits until the catalogue knows {names}", touched.account_id)
    return Walked("applied", None, touched.account_id)


def ids_in(obj: StripeObject) -> frozenset[str]:
    """The ids in an object by which it is joined to others."""
    payment_intent, charge = payment_of(obj) if obj.get("object") == "invoice_payment" else (None, None)
    return ids(
        obj["id"],
        id_of(obj.get("customer")),
        id_of(obj.get("subscription")),
        id_of(obj.get("invoice")),
        id_of(obj.get("payment_intent")) or payment_intent,
        id_of(obj.get("charge")) or charge,
        subscription_of_invoice(obj) if obj.get("object") == "invoice" else None,
    )
