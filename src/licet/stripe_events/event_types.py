"""The table of Stripe event types that are handled: their object, and when Stripe sends them.

The webhook endpoint at Stripe is created from this same table. An event updates a mirror; `fulfil` derives orders and
licenses from the mirrors. A few types report a fact that their object does not show.
Source: contract, section 5.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from licet.accounts.mirror import mirror_customer
from licet.catalog.mirror import mirror_price, mirror_product
from licet.db.connection import Connection
from licet.kit.affected import Affected
from licet.kit.stripe_objects import StripeObject
from licet.kit.versions import Version
from licet.licenses.write import ChangeContext
from licet.orders.invoice_mirror import mirror_invoice, mirror_invoice_payment
from licet.orders.mirror import mirror_session
from licet.payment_methods.mirror import mirror_payment_method
from licet.refunds.mirror import mirror_charge, mirror_dispute, mirror_refund
from licet.stripe_events import failed_payments, whole_objects
from licet.subscriptions.mirror import mirror_subscription
from licet.subscriptions.schedule_mirror import mirror_schedule

Mirror = Callable[[Connection, StripeObject, Version], Awaitable[Affected]]
FactHandler = Callable[[Connection, StripeObject, ChangeContext], Awaitable[Affected]]

MIRRORS: Mapping[str, Mirror] = {
    "checkout.session": mirror_session,
    "invoice": mirror_invoice,
    "invoice_payment": mirror_invoice_payment,
    "subscription": mirror_subscription,
    "subscription_schedule": mirror_schedule,
    "charge": mirror_charge,
    "refund": mirror_refund,
    "dispute": mirror_dispute,
    "customer": mirror_customer,
    "payment_method": mirror_payment_method,
    "product": mirror_product,
    "price": mirror_price,
}
"""By kind of object, the function that copies it into the database."""


@dataclass(frozen=True)
class EventType:
    """One type of event.

    when: when Stripe sends it.
    kind: the kind of object it carries, which selects the mirror; None where only the fact matters.
    fact: handles what only the event's type reports. It is called for a stale event too, and for an object that cannot
        be mirrored: it may rely on the object's id and metadata alone.
    says: the final values of fields that the type reports, for an object that cannot be mirrored.
    """

    when: str
    kind: str | None = None
    fact: FactHandler | None = None
    says: Mapping[str, object] = field(default_factory=dict)


EVENT_TYPES: Mapping[str, EventType] = {
    "checkout.session.completed": EventType(
        "the buyer has completed it: paid, free, or with a delayed payment", "checkout.session"
    ),
    "checkout.session.async_payment_succeeded": EventType("a delayed payment has succeeded", "checkout.session"),
    "checkout.session.async_payment_failed": EventType(
        "a delayed payment has failed", "checkout.session", failed_payments.payment_failed_later
    ),
    "checkout.session.expired": EventType(
        "it was not paid before it expired", "checkout.session", says={"status": "expired"}
    ),
    "invoice.created": EventType("a draft; at a renewal about an hour before it is charged", "invoice"),
    "invoice.finalized": EventType("it has its number and can be paid", "invoice"),
    "invoice.updated": EventType("any field changed", "invoice"),
    "invoice.paid": EventType("paid, also out of band or with a total of 0", "invoice"),
    "invoice.payment_failed": EventType(
        "a charge for it was refused", "invoice", failed_payments.invoice_payment_failed
    ),
    "invoice.voided": EventType("voided by the vendor", "invoice", says={"status": "void"}),
    "invoice.marked_uncollectible": EventType("written off by the vendor", "invoice"),
    "invoice.deleted": EventType("a draft was deleted", "invoice"),
    "invoice.payment_action_required": EventType("the buyer must confirm a payment of it", "invoice"),
    "invoice.will_be_due": EventType("some days before its due date, as set in Stripe's dashboard", "invoice"),
    "invoice.overdue": EventType("it was not paid by its due date", "invoice"),
    "credit_note.created": EventType("a part of an invoice was credited", None, whole_objects.read_invoice),
    "credit_note.updated": EventType("its memo, …; its amount never changes", None, whole_objects.read_invoice),
    "credit_note.voided": EventType("no longer credited", None, whole_objects.read_invoice),
    "invoice_payment.paid": EventType("a payment was applied to an invoice", "invoice_payment"),
    "customer.subscription.created": EventType("created; by a checkout, after its payment", "subscription"),
    "customer.subscription.updated": EventType("renewed, changed, past due, scheduled to cancel, …", "subscription"),
    "customer.subscription.paused": EventType("a trial ended without a card, or the vendor paused it", "subscription"),
    "customer.subscription.resumed": EventType("no longer paused", "subscription"),
    "customer.subscription.deleted": EventType(
        "it has ended, for whatever reason", "subscription", says={"status": "canceled"}
    ),
    "charge.refunded": EventType("a refund was made, in part or in full", "charge"),
    "refund.created": EventType("a refund was made", "refund"),
    "refund.updated": EventType("its status or its details changed", "refund"),
    "refund.failed": EventType("the buyer's bank returned it", "refund", says={"status": "failed"}),
    "payment_intent.payment_failed": EventType(
        "a card was refused, in a checkout or for an invoice", None, failed_payments.card_refused
    ),
    "customer.created": EventType("created by Licet, by a checkout or in Stripe's dashboard", "customer"),
    "customer.updated": EventType("any field changed", "customer"),
    "customer.deleted": EventType("deleted, with all its subscriptions", "customer"),
    "customer.discount.created": EventType(
        "a coupon was applied to a customer or a subscription", None, whole_objects.read_discounted
    ),
    "customer.discount.updated": EventType("another coupon took its place", None, whole_objects.read_discounted),
    "customer.discount.deleted": EventType("a discount was removed, or has ended", None, whole_objects.read_discounted),
    "product.created": EventType("created by a push of the catalogue or in Stripe's dashboard", "product"),
    "product.updated": EventType("renamed, archived, …", "product"),
    "product.deleted": EventType("deleted; only possible if it was never sold", "product"),
    "price.created": EventType("created by a push of the catalogue or in Stripe's dashboard", "price"),
    "price.updated": EventType("archived, …; its amount never changes", "price"),
    "price.deleted": EventType("deleted; only possible if it was never used", "price"),
    "charge.dispute.created": EventType("the buyer's bank inquires, or reverses the payment", "dispute"),
    "charge.dispute.updated": EventType("its evidence or status changed; appealed", "dispute"),
    "charge.dispute.funds_withdrawn": EventType("the disputed amount was withdrawn", "dispute"),
    "charge.dispute.funds_reinstated": EventType("the disputed amount was reinstated", "dispute"),
    "charge.dispute.closed": EventType("won, lost, or an inquiry that was closed", "dispute"),
    "payment_method.attached": EventType("attached to a customer", "payment_method"),
    "payment_method.detached": EventType(
        "detached from its customer, permanently", "payment_method", says={"customer": None}
    ),
    "payment_method.updated": EventType("its expiry or its address changed", "payment_method"),
    "payment_method.automatically_updated": EventType("the bank reissued the card", "payment_method"),
    "subscription_schedule.created": EventType("a change is scheduled", "subscription_schedule"),
    "subscription_schedule.updated": EventType("its phases changed, or the next phase began", "subscription_schedule"),
    "subscription_schedule.released": EventType(
        "released: the subscription continues without it", "subscription_schedule"
    ),
    "subscription_schedule.completed": EventType("its last phase has ended", "subscription_schedule"),
    "subscription_schedule.canceled": EventType("canceled, together with its subscription", "subscription_schedule"),
    "subscription_schedule.aborted": EventType(
        "canceled, because its subscription ended unpaid", "subscription_schedule"
    ),
    "subscription_schedule.expiring": EventType("7 days before its last phase ends", "subscription_schedule"),
}


def not_handled(event_type: str) -> str:
    """The reason with which an event of a type outside the table is ignored."""
    return f"Licet does not handle {event_type}"
