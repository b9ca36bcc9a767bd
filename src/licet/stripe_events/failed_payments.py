"""Handles event types that report a refused payment: their object alone may not show it."""

from licet.db.connection import Connection
from licet.kit.affected import Affected, ids
from licet.kit.stripe_objects import StripeObject, id_of
from licet.licenses.write import ChangeContext
from licet.notifications.failed_payments import (
    notify_failed_delayed_payment,
    notify_failed_invoice,
)
from licet.orders.mirror import mark_payment_failed


async def payment_failed_later(conn: Connection, session: StripeObject, context: ChangeContext) -> Affected:
    """A delayed payment failed: mark the session's order as failed, unless it was paid another way."""
    await mark_payment_failed(conn, session["id"])
    await notify_failed_delayed_payment(conn, session["id"], context.now)
    return Affected(sessions=ids(session["id"]))


async def invoice_payment_failed(conn: Connection, invoice: StripeObject, context: ChangeContext) -> Affected:
    """A charge for an invoice was refused: notify its buyer, once per attempt.

    An invoice that does not say the attempt is read, and the read notifies.
    """
    attempt = invoice.get("attempt_count")
    if isinstance(attempt, int) and attempt > 0:
        await notify_failed_invoice(conn, invoice["id"], attempt, context.now)
    return Affected()


async def card_refused(_: Connection, payment_intent: StripeObject, __: ChangeContext) -> Affected:
    """A card was refused: request a read that finds the checkout, whose buyer is then notified.

    The order id in the payment's metadata is no proof that it belongs to a checkout, because metadata can be copied.
    """
    payment_intent_id = id_of(payment_intent)
    if payment_intent_id is None:
        return Affected(ignored="its object has no id")
    return Affected(reads=frozenset({("payment_intent.failed", payment_intent_id)}))
