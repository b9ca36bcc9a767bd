"""Invoice items: what is to be billed besides the periods themselves. Pending until an invoice takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def make_invoice_item(tx: Tx, customer_id: str, amount: int, currency: str, **fields: Any) -> Obj:
    """One that is pending; `invoiceitem.created`. `amount` in minor units, negative for a credit."""
    quantity = fields.setdefault("quantity", 1)
    if not fields.get("discountable", True):
        # Nothing is taken off any more: what discounts were to take is off already.
        fields["net_amount"] = amount
    return tx.create(
        "invoiceitem",
        "invoiceitem.created",
        **{
            "amount": amount,
            "currency": currency,
            "customer": customer_id,
            "date": tx.now,
            "discountable": True,
            "discounts": [],
            "metadata": {},
            "parent": None,
            "period": {"start": tx.now, "end": tx.now},
            "quantity_decimal": str(quantity),
            "tax_rates": [],
            **fields,
        },
    )


def parent_of(subscription_id: str | None, item_id: str | None = None) -> Obj | None:
    """An invoice item's parent: the subscription, and its item where one made it; None for neither."""
    if subscription_id is None:
        return None
    details = {"subscription": subscription_id}
    if item_id is not None:
        details["subscription_item"] = item_id
    return {"type": "subscription_details", "subscription_details": details}


def pricing_of(price: Obj) -> Obj:
    """How a line or an invoice item shows the price that it comes from."""
    return {
        "type": "price_details",
        "price_details": {"price": price["id"], "product": price["product"]},
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def pending_items(tx: Tx, customer_id: str, currency: str, *, of: tuple[str | None, ...] | None = None) -> list[Obj]:
    """What waits for an invoice, oldest first; `of`: only of these subscriptions (None: of no subscription)."""
    where = "json ->> '$.customer' = ? AND json ->> '$.invoice' IS NULL AND json ->> '$.currency' = ?"
    found = tx.select("invoiceitem", where, customer_id, currency)
    return [item for item in found if of is None or subscription_behind(item) in of]


def subscription_behind(item: Obj) -> str | None:
    """The id of the subscription that an invoice item belongs to, if any."""
    parent = item["parent"]
    return None if parent is None else str(parent["subscription_details"]["subscription"])


def drop_pending_prorations(tx: Tx, subscription: Obj) -> None:
    """They will never be billed."""
    for item in pending_items(tx, subscription["customer"], subscription["currency"], of=(subscription["id"],)):
        if item["proration"]:
            tx.delete(item, "invoiceitem.deleted")
