"""An outgoing event's body, put together from ids when it is sent or shown: no stored row holds what it says."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from licet.db.connection import Connection
from licet.errors import NotFound
from licet.http.context import Context
from licet.http.shapes import ResponseBody
from licet.outbox import EventName
from licet.outgoing_webhooks.payloads import events
from licet.outgoing_webhooks.payloads.events import OutgoingEventBody
from licet.outgoing_webhooks.payloads.failed_payments import failed_payment
from licet.outgoing_webhooks.payloads.licenses import license_with_change
from licet.outgoing_webhooks.payloads.purchases import completed_checkout, paid_invoice
from licet.outgoing_webhooks.payloads.refunds import refunded_charge
from licet.outgoing_webhooks.payloads.subscriptions import subscription_as_it_is, undone_subscription

Gather = Callable[[Context, Connection, dict[str, Any]], Awaitable[ResponseBody]]
"""From an event's `about` to its `data`. Raises NotFound where what it is about is not there any more."""


@dataclass(frozen=True)
class Kind:
    """What an event looks like, and what its data is read by."""

    body: type[OutgoingEventBody]
    gather: Gather


KINDS: Mapping[EventName, Kind] = {
    "checkout.completed": Kind(events.CheckoutCompletedEvent, completed_checkout),
    "invoice.paid": Kind(events.InvoicePaidEvent, paid_invoice),
    "subscription.updated": Kind(events.SubscriptionUpdatedEvent, subscription_as_it_is),
    "subscription.deleted": Kind(events.SubscriptionDeletedEvent, subscription_as_it_is),
    "subscription.undone": Kind(events.SubscriptionUndoneEvent, undone_subscription),
    "charge.refunded": Kind(events.ChargeRefundedEvent, refunded_charge),
    "payment.failed": Kind(events.PaymentFailedEvent, failed_payment),
    "license.issued": Kind(events.LicenseIssuedEvent, license_with_change),
    "license.suspended": Kind(events.LicenseSuspendedEvent, license_with_change),
    "license.reinstated": Kind(events.LicenseReinstatedEvent, license_with_change),
    "license.revoked": Kind(events.LicenseRevokedEvent, license_with_change),
    "license.expired": Kind(events.LicenseExpiredEvent, license_with_change),
}
"""Every event there is."""


async def compose(ctx: Context, event_id: UUID) -> dict[str, Any]:
    """The body `{"id", "event", "createdAt", "data"}` as it reads now, ready for JSON. It holds license keys.

    Raises NotFound for an unknown event, and where what it is about is not there any more.
    """
    async with ctx.pool.acquire() as conn:
        found = await conn.fetchrow("SELECT event, about, created_at FROM outgoing_events WHERE id = $1", event_id)
        if found is None:
            raise NotFound("There is no such outgoing event.")
        kind = KINDS[found["event"]]
        data = await kind.gather(ctx, conn, found["about"])
    body = kind.body(id=event_id, event=found["event"], created_at=found["created_at"], data=data)
    return body.model_dump(mode="json")


def encode(body: Mapping[str, Any]) -> bytes:
    """The bytes that are signed and sent: compact JSON in UTF-8."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
