"""Where money meets licenses: what was touched is settled anew, from facts, whichever way it was touched.

The webhook, the return page, replay, catching up and reconcile all end here. Nothing else writes licenses or orders.
"""

from dataclasses import dataclass

import asyncpg

from licet.db.connection import Connection
from licet.db.locks import lock
from licet.kit.affected import Affected
from licet.kit.statuses import ENDED
from licet.licenses.facts import refunded_of_session
from licet.licenses.for_order import settle_lines
from licet.licenses.for_subscription import settle_subscription
from licet.licenses.store import link_order
from licet.licenses.write import ChangeContext
from licet.notifications.purchases import notify_order, notify_paid_invoices
from licet.notifications.refunds import notify_refunds
from licet.notifications.subscriptions import notify_subscriptions
from licet.orders import store
from licet.orders.core import PAID_STATUSES, OrderFacts, order_status
from licet.orders.links_store import find_purchases
from licet.subscriptions import duplicate_plans


@dataclass(frozen=True)
class Fulfilled:
    """What came of it.

    waits_for: products that the catalogue must learn first; what depends on them was not issued.
    reads: (kind, id) of what must be read from Stripe to find the purchase at all.
    """

    waits_for: frozenset[str] = frozenset()
    reads: frozenset[tuple[str, str]] = frozenset()


async def fulfil(conn: Connection, touched: Affected, settling: ChangeContext) -> Fulfilled:
    """Settle every purchase that was touched, and announce what is new. The caller holds the locks of all that.

    Source: docs/decisions/order-does-not-matter.md; contract, sections 4 and 5.
    """
    roots = await find_purchases(conn, touched)
    waits_for: set[str] = set()
    for subscription_id in roots.subscriptions:
        for second in await duplicate_plans.find_duplicate_plans(conn, subscription_id):
            await duplicate_plans.insert(conn, second, settling.now)
        waits_for |= await settle_subscription(conn, subscription_id, settling)
    for session_id in roots.sessions:
        waits_for |= await settle_session(conn, session_id, settling)
    await notify_paid_invoices(conn, touched.invoices, settling.now)
    await notify_refunds(conn, touched, settling.now)
    await notify_subscriptions(conn, roots.subscriptions, settling.now)
    found = roots.subscriptions or roots.sessions or touched.invoices
    reads = frozenset() if found else _links_to_read(touched)
    return Fulfilled(frozenset(waits_for), reads)


def _links_to_read(touched: Affected) -> frozenset[tuple[str, str]]:
    """The reads that say what a payment was for, where nothing that we know does."""
    if touched.payment_intents:
        return frozenset(("payment_intent.links", id_) for id_ in touched.payment_intents)
    return frozenset(("charge.links", id_) for id_ in touched.charges)


async def settle_session(conn: Connection, stripe_session_id: str, settling: ChangeContext) -> frozenset[str]:
    """Bring a session's order and its one-time licenses to what is known of its payment.

    Returns the products that the catalogue does not know yet.
    """
    session = await store.find_session(conn, stripe_session_id)
    if session is None or session["status"] == "open":
        return frozenset()
    lines = await store.list_lines(conn, stripe_session_id)
    returned = await refunded_of_session(conn, session)
    unknown = store.unknown_products(lines)
    if unknown:
        # As in `settle_subscription`: a push of the catalogue cannot pass unseen.
        await lock(conn, unknown)
        lines = await store.list_lines(conn, stripe_session_id)
        unknown = store.unknown_products(lines)
    facts = OrderFacts(
        session["status"],
        session["payment_status"],
        session["payment_failed"],
        session["amount_paid"],
        returned,
        all_ended=_all_ended(session, lines),
    )
    status = order_status(facts)
    new = await store.write_order(conn, session, status, returned, sorted(unknown))
    if new and session["stripe_subscription_id"] is not None:
        await link_order(conn, session["stripe_subscription_id"], session["order_id"])
    paid = session["payment_status"] in PAID_STATUSES and session["status"] == "complete"
    await settle_lines(conn, session, lines, paid=paid, amount_refunded=returned, settling=settling)
    if status in ("paid", "partially_refunded") and session["lines_known"] and not unknown:
        await notify_order(conn, session, settling.now)
    return unknown


def _all_ended(session: asyncpg.Record, lines: list[asyncpg.Record]) -> bool:
    return (
        session["subscription_status"] in ENDED and bool(lines) and all(line["interval"] is not None for line in lines)
    )
