"""The body of each outgoing event. `/openapi.json` quotes each class's docstring: when it is sent.

To add an event, add it to `EventName` in `outbox/store.py`, here, to `registry.py` and to `docs/webhooks.md`. Tests
find omissions.
"""

from typing import Literal
from uuid import UUID

from pydantic import Field

from licet.http.shapes import At, ResponseBody
from licet.outbox.store import EventName
from licet.outgoing_webhooks.payloads.failed_payments import PaymentFailed
from licet.outgoing_webhooks.payloads.licenses import ChangedLicense
from licet.outgoing_webhooks.payloads.purchases import CheckoutCompleted, InvoicePaid
from licet.outgoing_webhooks.payloads.refunds import ChargeRefunded
from licet.outgoing_webhooks.payloads.subscriptions import ChangedSubscription, SubscriptionUndone


class OutgoingEventBody(ResponseBody):
    """An outgoing event. `data` is rendered when the event is sent."""

    id: UUID = Field(description="Equal to `webhook-id`. The same in every attempt and for every endpoint.")
    event: EventName
    created_at: At = Field(description="When Licet created the event.")
    data: ResponseBody


class CheckoutCompletedEvent(OutgoingEventBody):
    """An order was paid and everything in it was issued. Sent once per order. Contains the license keys."""

    event: Literal["checkout.completed"]
    data: CheckoutCompleted


class InvoicePaidEvent(OutgoingEventBody):
    """An invoice was paid. Sent once per invoice, also for renewals, changes and totals of 0."""

    event: Literal["invoice.paid"]
    data: InvoicePaid


class SubscriptionUpdatedEvent(OutgoingEventBody):
    """A subscription was created or changed. Sent at every change until it ends."""

    event: Literal["subscription.updated"]
    data: ChangedSubscription


class SubscriptionDeletedEvent(OutgoingEventBody):
    """A subscription ended. Sent once per subscription, whatever the reason."""

    event: Literal["subscription.deleted"]
    data: ChangedSubscription


class SubscriptionUndoneEvent(OutgoingEventBody):
    """A duplicate plan was cancelled and what was paid for it is returned. Sent once per subscription."""

    event: Literal["subscription.undone"]
    data: SubscriptionUndone


class ChargeRefundedEvent(OutgoingEventBody):
    """A payment was refunded, in full or in part. Sent once per refund, when the refund starts."""

    event: Literal["charge.refunded"]
    data: ChargeRefunded


class PaymentFailedEvent(OutgoingEventBody):
    """A payment failed. Sent once per attempt to pay an invoice, and once per checkout."""

    event: Literal["payment.failed"]
    data: PaymentFailed


class LicenseIssuedEvent(OutgoingEventBody):
    """A license was issued. Sent once per license."""

    event: Literal["license.issued"]
    data: ChangedLicense


class LicenseSuspendedEvent(OutgoingEventBody):
    """A license was suspended: dispute, overdue payment or cancellation in progress."""

    event: Literal["license.suspended"]
    data: ChangedLicense


class LicenseReinstatedEvent(OutgoingEventBody):
    """A suspended, revoked or expired license became active again."""

    event: Literal["license.reinstated"]
    data: ChangedLicense


class LicenseRevokedEvent(OutgoingEventBody):
    """A license was revoked: full refund, lost dispute, subscription ended or quantity reduced."""

    event: Literal["license.revoked"]
    data: ChangedLicense


class LicenseExpiredEvent(OutgoingEventBody):
    """A license expired. Sent when the paid period and all grace days are over."""

    event: Literal["license.expired"]
    data: ChangedLicense
