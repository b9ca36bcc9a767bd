"""Handles event types that report a refused payment: their object alone may not show it."""

from licet.db.connection import Connection
from licet.kit.affected import Affected, ids
from licet.kit.stripe_objects import StripeObject
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
    """A charge for an invoice was refused: notify its buyer, once per attempt."""
    await notify_failed_invoice(conn, invoice["id"], invoice["attempt_count"], context.now)
    return Affected()


async def card_refused(_: Connection, payment_intent: StripeObject, __: ChangeContext) -> Affected:
    """A card was refused: request a read that finds the checkout, whose buyer is then notified.

    The order id in the payment's metadata is no proof that it belongs to a checkout, because metadata can be copied.
    """
    return Affected(reads=frozenset({("payment_intent.failed", payment_intent["id"])}))
