"""What is done by hand in Stripe's dashboard or portal: another card, a refund."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.agenda import ended
from licet_sandbox.billing.cards import card_by_number
from licet_sandbox.billing.methods import attach_to, make_method
from licet_sandbox.billing.payments import mark_set_up
from licet_sandbox.billing.refunds import make_refund
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.engine import Engine
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


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
                changed.append(subscription["id"])
        return {"paymentMethod": method["id"], "last4": method["card"]["last4"], "subscriptions": changed}


def refund(engine: Engine, named: dict[str, str | None], amount: int | None) -> dict[str, Any]:
    """Give money back: by the charge, its payment intent or its invoice; all that is left unless an amount is given."""
    given = {key: value for key, value in named.items() if value is not None}
    if len(given) != 1:
        raise invalid("Name one of charge, paymentIntent and invoice.")
    with engine.transaction() as tx:
        made = make_refund(tx, _charge_of(tx, named), amount)
        keys = {"id": "id", "status": "status", "amount": "amount", "currency": "currency", "charge": "charge"}
        return {name: made[key] for name, key in (keys | {"paymentIntent": "payment_intent"}).items()}


def _charge_of(tx: Tx, named: dict[str, str | None]) -> Obj:
    if named["charge"] is not None:
        return tx.get("charge", named["charge"], param="charge")
    intent_id = named["paymentIntent"]
    if named["invoice"] is not None:
        invoice = tx.get("invoice", named["invoice"], param="invoice")
        where = "json ->> '$.invoice' = ? AND json ->> '$.status' = 'paid'"
        payments = tx.select("invoice_payment", where, invoice["id"])
        if not payments:
            raise invalid("Nothing was paid on this invoice.", param="invoice")
        intent_id = payments[-1]["payment"]["payment_intent"]
    intent = tx.get("payment_intent", intent_id or "", param="paymentIntent")
    if intent["latest_charge"] is None:
        raise invalid("This payment has no charge.", param="paymentIntent")
    return tx.get("charge", intent["latest_charge"])
