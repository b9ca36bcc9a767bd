"""Composes an outgoing event's body from current rows when it is sent or shown. No body is stored."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from licet.db.connection import Connection
from licet.errors import NotFound
from licet.http.context import Context
from licet.http.shapes import ResponseBody
from licet.outbox.store import EventName
from licet.outgoing_webhooks.payloads import events
from licet.outgoing_webhooks.payloads.events import OutgoingEventBody
from licet.outgoing_webhooks.payloads.failed_payments import failed_payment
from licet.outgoing_webhooks.payloads.licenses import changed_license
from licet.outgoing_webhooks.payloads.purchases import completed_checkout, paid_invoice
from licet.outgoing_webhooks.payloads.refunds import refunded_charge
from licet.outgoing_webhooks.payloads.store import find_outgoing_event
from licet.outgoing_webhooks.payloads.subscriptions import changed_subscription, undone_subscription

GatherData = Callable[[Context, Connection, dict[str, Any]], Awaitable[ResponseBody]]
"""Reads an event's `data` by its `about`. Raises NotFound if the row that it is about no longer exists."""


@dataclass(frozen=True)
class EventKind:
    """An event's body class and the function that reads its data."""

    body: type[OutgoingEventBody]
    gather: GatherData


EVENT_KINDS: Mapping[EventName, EventKind] = {
    "checkout.completed": EventKind(events.CheckoutCompletedEvent, completed_checkout),
    "invoice.paid": EventKind(events.InvoicePaidEvent, paid_invoice),
    "subscription.updated": EventKind(events.SubscriptionUpdatedEvent, changed_subscription),
    "subscription.deleted": EventKind(events.SubscriptionDeletedEvent, changed_subscription),
    "subscription.undone": EventKind(events.SubscriptionUndoneEvent, undone_subscription),
    "charge.refunded": EventKind(events.ChargeRefundedEvent, refunded_charge),
    "payment.failed": EventKind(events.PaymentFailedEvent, failed_payment),
    "license.issued": EventKind(events.LicenseIssuedEvent, changed_license),
    "license.suspended": EventKind(events.LicenseSuspendedEvent, changed_license),
    "license.reinstated": EventKind(events.LicenseReinstatedEvent, changed_license),
    "license.revoked": EventKind(events.LicenseRevokedEvent, changed_license),
    "license.expired": EventKind(events.LicenseExpiredEvent, changed_license),
}
"""Every outgoing event."""


async def compose_event(ctx: Context, event_id: UUID) -> dict[str, Any]:
    """Return the body, ready for JSON: `{"id", "event", "createdAt", "data"}`. May contain license keys.

    Raises NotFound for an unknown event, or if the row that it is about no longer exists.
    """
    async with ctx.pool.acquire() as conn:
        row = await find_outgoing_event(conn, event_id)
        if row is None:
            raise NotFound("There is no such outgoing event.")
        kind = EVENT_KINDS[row["event"]]
        data = await kind.gather(ctx, conn, row["about"])
    body = kind.body(id=event_id, event=row["event"], created_at=row["created_at"], data=data)
    return body.model_dump(mode="json")


def encode(body: Mapping[str, Any]) -> bytes:
    """Return the bytes that are signed and sent: compact JSON in UTF-8."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
