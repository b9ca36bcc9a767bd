"""What is done by hand in Stripe's dashboard or portal: another card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.payments.cards import card_by_number
from licet_sandbox.billing.payments.payment_intents import mark_set_up
from licet_sandbox.billing.payments.payment_methods import attach_to, make_method
from licet_sandbox.billing.schedules.direct_changes import sync_schedule

if TYPE_CHECKING:
    from licet_sandbox.engine import Engine


def change_card(engine: Engine, customer_id: str, number: str) -> dict[str, Any]:
    """Attach this card and make it the default of the customer and of every subscription that has not ended."""
    with engine.transaction() as tx:
        customer = tx.get("customer", customer_id)
        method = make_method(tx, card_by_number(number), email=customer["email"], name=customer["name"])
        attach_to(tx, method["id"], customer_id, "card")
        mark_set_up(tx, method)
        customer["invoice_settings"]["default_payment_method"] = method["id"]
        tx.save(customer, "customer.updated")
        changed = []
        for subscription in tx.select("subscription", "json ->> '$.customer' = ?", customer_id):
            if not ended(subscription):
                subscription["default_payment_method"] = method["id"]
                tx.save(subscription, "customer.subscription.updated")
                sync_schedule(tx, subscription)
                changed.append(subscription["id"])
        return {"paymentMethod": method["id"], "last4": method["card"]["last4"], "subscriptions": changed}
