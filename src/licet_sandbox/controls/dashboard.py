"""What an operator does in Stripe's dashboard: change a customer's card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.payments.cards import card_by_number
from licet_sandbox.billing.payments.payment_intents import mark_set_up
from licet_sandbox.billing.payments.payment_methods import attach_to, make_method
from licet_sandbox.billing.schedules.direct_changes import keep_up

if TYPE_CHECKING:
    from licet_sandbox.engine import Engine


def change_card(engine: Engine, customer_id: str, number: str) -> dict[str, Any]:
    """Attach a card and make it the default of the customer and of all subscriptions that have not ended."""
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
                keep_up(tx, subscription)
                changed.append(subscription["id"])
        return {"paymentMethod": method["id"], "last4": method["card"]["last4"], "subscriptions": changed}
