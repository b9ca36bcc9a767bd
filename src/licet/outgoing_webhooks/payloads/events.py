"""What goes out: the body of each event. A class's docstring says when it is sent, in `/openapi.json` too.

Whoever adds an event adds it to `outbox.EventName`, here, to `payloads.py` and to `docs/webhooks.md`: tests miss it.
"""

from typing import Literal
from uuid import UUID

from pydantic import Field

from licet.http.shapes import At, ResponseBody
from licet.outbox import EventName
from licet.outgoing_webhooks.payloads.failed_payments import PaymentFailed
from licet.outgoing_webhooks.payloads.licenses import ChangedLicense
from licet.outgoing_webhooks.payloads.purchases import CheckoutCompleted, InvoicePaid
from licet.outgoing_webhooks.payloads.refunds import ChargeRefunded
from licet.outgoing_webhooks.payloads.subscriptions import ChangedSubscription, SubscriptionUndone


class OutgoingEventBody(ResponseBody):
    """One thing that happened. `data` is as it reads when it is sent."""

    id: UUID = Field(description="The same in every attempt and for every endpoint, as is `webhook-id`.")
    event: EventName
    created_at: At = Field(description="When we learnt of it.")
    data: ResponseBody


class CheckoutCompletedEvent(OutgoingEventBody):
    """Once per order: it is paid and all of it is issued. The license keys stand in it."""

    event: Literal["checkout.completed"]
    data: CheckoutCompleted


class InvoicePaidEvent(OutgoingEventBody):
    """Once per invoice: it is paid, the first one, a renewal's or a change's; also one of 0."""

    event: Literal["invoice.paid"]
    data: InvoicePaid


class SubscriptionUpdatedEvent(OutgoingEventBody):
    """At every change of a subscription that has not ended, its beginning included."""

    event: Literal["subscription.updated"]
    data: ChangedSubscription


class SubscriptionDeletedEvent(OutgoingEventBody):
    """Once per subscription: it has ended, however that came."""

    event: Literal["subscription.deleted"]
    data: ChangedSubscription


class SubscriptionUndoneEvent(OutgoingEventBody):
    """Once per subscription: a plan was bought a second time, so this purchase was ended and its money goes back."""

    event: Literal["subscription.undone"]
    data: SubscriptionUndone


class ChargeRefundedEvent(OutgoingEventBody):
    """Once per refund, in full or in part: it is on its way."""

    event: Literal["charge.refunded"]
    data: ChargeRefunded


class PaymentFailedEvent(OutgoingEventBody):
    """Once per invoice and try, and once per checkout: a payment did not go through."""

    event: Literal["payment.failed"]
    data: PaymentFailed


class LicenseIssuedEvent(OutgoingEventBody):
    """Once per license: it is there."""

    event: Literal["license.issued"]
    data: ChangedLicense


class LicenseSuspendedEvent(OutgoingEventBody):
    """Whenever a license may not be used for a while: a dispute, an overdue payment, an end that is under way."""

    event: Literal["license.suspended"]
    data: ChangedLicense


class LicenseReinstatedEvent(OutgoingEventBody):
    """Whenever a license is active again, whatever stood against it."""

    event: Literal["license.reinstated"]
    data: ChangedLicense


class LicenseRevokedEvent(OutgoingEventBody):
    """Whenever a license is taken back: refunded in full, a lost dispute, its subscription ended, fewer units."""

    event: Literal["license.revoked"]
    data: ChangedLicense


class LicenseExpiredEvent(OutgoingEventBody):
    """Whenever the time that a license was paid for is over, with all grace."""

    event: Literal["license.expired"]
    data: ChangedLicense
