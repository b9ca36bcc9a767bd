"""Settles purchases from their facts: the one place where payments become licenses and orders.

Events and their replays, reads, Stripe's answers to Licet's own calls, decisions to cancel, and jobs all end here.
Nothing else writes licenses or orders.
"""

from dataclasses import dataclass

import asyncpg

from licet.db.connection import Connection
from licet.db.locks import lock
from licet.kit.affected import Affected
from licet.kit.statuses import ENDED
from licet.licenses.facts_store import refunded_of_session
from licet.licenses.for_order import settle_order_lines
from licet.licenses.for_subscription import settle_subscription
from licet.licenses.paid_periods import refunded
from licet.licenses.store import link_order
from licet.licenses.write import ChangeContext
from licet.notifications.purchases import notify_order, notify_paid_invoices
from licet.notifications.refunds import notify_refunds
from licet.notifications.subscriptions import notify_subscriptions
from licet.orders import store
from licet.orders.core import PAID_STATUSES, OrderFacts, order_status
from licet.orders.links_store import find_purchases
from licet.subscriptions.duplicate_plan_store import insert_duplicate_plan
from licet.subscriptions.duplicate_plans import find_duplicate_plans


@dataclass(frozen=True)
class Fulfilled:
    """The result of `fulfil`.

    waits_for: Stripe ids of products that the catalogue does not know; their licenses were not issued.
    reads: (kind, id) of the objects that must be read from Stripe to find the purchase.
    """

    waits_for: frozenset[str] = frozenset()
    reads: frozenset[tuple[str, str]] = frozenset()


async def fulfil(conn: Connection, affected: Affected, context: ChangeContext) -> Fulfilled:
    """Settle every affected purchase, and announce what is new. The caller holds their locks.

    Source: docs/decisions/order-does-not-matter.md; contract, sections 4 and 5.
    """
    purchases = await find_purchases(conn, affected)
    waits_for: set[str] = set()
    for subscription_id in purchases.subscriptions:
        for duplicate in await find_duplicate_plans(conn, subscription_id):
            await insert_duplicate_plan(conn, duplicate, context.now)
        waits_for |= await settle_subscription(conn, subscription_id, context)
    for session_id in purchases.sessions:
        waits_for |= await settle_session(conn, session_id, context)
    await notify_paid_invoices(conn, affected.invoices, context.now)
    await notify_refunds(conn, affected, context.now)
    await notify_subscriptions(conn, purchases.subscriptions, context.now)
    is_linked = purchases.subscriptions or purchases.sessions or affected.invoices
    reads = frozenset() if is_linked else _links_to_read(affected)
    return Fulfilled(frozenset(waits_for), reads)


def _links_to_read(affected: Affected) -> frozenset[tuple[str, str]]:
    """The reads that find the purchase of a payment if no stored link names it."""
    if affected.payment_intents:
        return frozenset(("payment_intent.links", id_) for id_ in affected.payment_intents)
    return frozenset(("charge.links", id_) for id_ in affected.charges)


async def settle_session(conn: Connection, stripe_session_id: str, context: ChangeContext) -> frozenset[str]:
    """Settle a checkout session: its order and its one-time licenses follow the state of its payment.

    Returns the Stripe ids of the products that the catalogue does not know yet.
    """
    session = await store.find_session(conn, stripe_session_id)
    if session is None or session["status"] == "open":
        return frozenset()
    lines = await store.list_lines(conn, stripe_session_id)
    amount_refunded = await refunded_of_session(conn, session)
    unknown = store.unknown_products(lines)
    if unknown:
        # As in `settle_subscription`: locked, so that a concurrent push of the catalogue is not missed.
        await lock(conn, unknown)
        lines = await store.list_lines(conn, stripe_session_id)
        unknown = store.unknown_products(lines)
    # A duplicate plan is undone alone: what is refunded for it says nothing about the other lines.
    staying = [line for line in lines if line["stripe_product_id"] not in session["undone_products"]]
    amount_undone = min(session["undone_amount"], amount_refunded) if staying else 0
    facts = OrderFacts(
        session["status"],
        session["payment_status"],
        session["payment_failed"],
        session["amount_paid"],
        amount_refunded,
        all_ended=_all_ended(session, lines),
        amount_undone=amount_undone,
    )
    status = order_status(facts)
    is_new = await store.write_order(conn, session, status, amount_refunded, sorted(unknown))
    if is_new and session["stripe_subscription_id"] is not None:
        await link_order(conn, session["stripe_subscription_id"], session["order_id"])
    is_paid = session["payment_status"] in PAID_STATUSES and session["status"] == "complete"
    await settle_order_lines(
        conn,
        session,
        lines,
        paid=is_paid,
        refunded=refunded(session["amount_paid"] - amount_undone, amount_refunded - amount_undone),
        context=context,
    )
    if status in ("paid", "partially_refunded") and session["lines_known"] and not unknown:
        await notify_order(conn, session, staying, context.now)
    return unknown


def _all_ended(session: asyncpg.Record, lines: list[asyncpg.Record]) -> bool:
    return (
        session["subscription_status"] in ENDED and bool(lines) and all(line["interval"] is not None for line in lines)
    )
