"""What some events tell by their type alone: that a payment was refused. The object may look as it did before."""

from licet.db.connection import Connection
from licet.kit.affected import Affected, ids
from licet.kit.ids import as_id
from licet.kit.stripe_objects import StripeObject
from licet.licenses.write import ChangeContext
from licet.notifications.failed_payments import (
    notify_failed_checkout,
    notify_failed_delayed_payment,
    notify_failed_invoice,
)
from licet.orders.mirror import mark_payment_failed


async def payment_failed_later(conn: Connection, session: StripeObject, settling: ChangeContext) -> Affected:
    """A payment that settles later has failed: the order has, unless it was paid all the same."""
    await mark_payment_failed(conn, session["id"])
    await notify_failed_delayed_payment(conn, session["id"], settling.now)
    return Affected(sessions=ids(session["id"]))


async def invoice_payment_failed(conn: Connection, invoice: StripeObject, settling: ChangeContext) -> Affected:
    """A charge for an invoice was refused: its buyer is told, once per attempt."""
    await notify_failed_invoice(conn, invoice["id"], invoice["attempt_count"], settling.now)
    return Affected()


async def card_refused(conn: Connection, payment_intent: StripeObject, settling: ChangeContext) -> Affected:
    """A card was refused: in a checkout of ours its buyer is told, for an invoice the invoice's own event speaks.

    Only one-off payments carry our order's id; where it is missing, Stripe must say what the payment is for.
    """
    order_id = as_id((payment_intent.get("metadata") or {}).get("licet_order_id") or "")
    session_id = await conn.fetchval("SELECT stripe_session_id FROM checkout_sessions WHERE order_id = $1", order_id)
    if session_id is None:
        return Affected(reads=frozenset({("payment_intent.failed", payment_intent["id"])}))
    await notify_failed_checkout(conn, session_id, settling.now)
    return Affected()
