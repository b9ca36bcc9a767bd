"""Every Stripe event that we handle, what it is about, and when Stripe sends it.

The webhook endpoint at Stripe is made from this same table. An event updates a mirror; what follows for orders and
licenses, `fulfil` says. A few types are facts in themselves, because the object looks the same without them.
Source: contract, section 5.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

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
from licet.stripe_events import failed_payments
from licet.subscriptions.mirror import mirror_subscription
from licet.subscriptions.schedule_mirror import mirror_schedule

Mirror = Callable[[Connection, StripeObject, Version], Awaitable[Affected]]
Fact = Callable[[Connection, StripeObject, ChangeContext], Awaitable[Affected]]

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
"""By kind of object, the function that makes it our row."""


@dataclass(frozen=True)
class Row:
    """One type of event.

    kind: the object it carries, and so its mirror; None where only the fact counts.
    fact: what its type alone tells, whatever is newer.
    """

    when: str
    kind: str | None = None
    fact: Fact | None = None


EVENTS: Mapping[str, Row] = {
    "checkout.session.completed": Row("the buyer is done; paid, free, or to be settled later", "checkout.session"),
    "checkout.session.async_payment_succeeded": Row("a payment that settles later has", "checkout.session"),
    "checkout.session.async_payment_failed": Row(
        "a payment that settles later has not", "checkout.session", failed_payments.payment_failed_later
    ),
    "checkout.session.expired": Row("nobody paid within its time", "checkout.session"),
    "invoice.created": Row("a draft; at a renewal about an hour before it is charged", "invoice"),
    "invoice.finalized": Row("it has its number and can be paid", "invoice"),
    "invoice.updated": Row("anything of it changed", "invoice"),
    "invoice.paid": Row("paid, also out of band or with a total of 0", "invoice"),
    "invoice.payment_failed": Row("a charge for it was refused", "invoice", failed_payments.invoice_payment_failed),
    "invoice.voided": Row("taken back by the vendor", "invoice"),
    "invoice.marked_uncollectible": Row("given up by the vendor", "invoice"),
    "invoice_payment.paid": Row("a payment was put to an invoice", "invoice_payment"),
    "customer.subscription.created": Row("from a checkout: after its payment", "subscription"),
    "customer.subscription.updated": Row("renewed, changed, past due, to end, …", "subscription"),
    "customer.subscription.paused": Row("a trial ended without a card, or the vendor paused it", "subscription"),
    "customer.subscription.resumed": Row("no longer paused", "subscription"),
    "customer.subscription.deleted": Row("at every real end, however it came", "subscription"),
    "charge.refunded": Row("a refund was made, in part or in full", "charge"),
    "refund.created": Row("a refund was made", "refund"),
    "refund.updated": Row("its status or its details changed", "refund"),
    "refund.failed": Row("the bank sent it back", "refund"),
    "payment_intent.payment_failed": Row(
        "a card was refused, in a checkout or for an invoice", None, failed_payments.card_refused
    ),
    "customer.created": Row("by us, by a checkout or in the dashboard", "customer"),
    "customer.updated": Row("anything of it changed", "customer"),
    "customer.deleted": Row("with all its subscriptions", "customer"),
    "product.created": Row("by the catalogue's push or in the dashboard", "product"),
    "product.updated": Row("renamed, archived, …", "product"),
    "product.deleted": Row("one that was never sold", "product"),
    "price.created": Row("by the catalogue's push or in the dashboard", "price"),
    "price.updated": Row("archived, …; its amount never changes", "price"),
    "price.deleted": Row("one that was never used", "price"),
    "charge.dispute.created": Row("the buyer's bank asks, or takes the money back", "dispute"),
    "charge.dispute.updated": Row("evidence, status; appealed", "dispute"),
    "charge.dispute.funds_withdrawn": Row("the money has left", "dispute"),
    "charge.dispute.funds_reinstated": Row("the money has come back", "dispute"),
    "charge.dispute.closed": Row("won, lost, or no more than an inquiry", "dispute"),
    "payment_method.attached": Row("a customer's from now on", "payment_method"),
    "payment_method.detached": Row("nobody's any more, for good", "payment_method"),
    "payment_method.updated": Row("its expiry or its address changed", "payment_method"),
    "subscription_schedule.created": Row("a change is planned", "subscription_schedule"),
    "subscription_schedule.updated": Row("the plan changed, or its next phase began", "subscription_schedule"),
    "subscription_schedule.released": Row("the subscription lives on by itself", "subscription_schedule"),
    "subscription_schedule.completed": Row("the plan is done", "subscription_schedule"),
    "subscription_schedule.canceled": Row("called off, with its subscription", "subscription_schedule"),
    "subscription_schedule.aborted": Row("called off: its subscription ended unpaid", "subscription_schedule"),
    "subscription_schedule.expiring": Row("a week before the plan is done", "subscription_schedule"),
}
