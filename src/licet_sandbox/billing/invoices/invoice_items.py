"""Invoice items: amounts outside the regular periods, pending until the next invoice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def make_invoice_item(tx: Tx, customer_id: str, amount: int, currency: str, **fields: Any) -> Obj:
    """Creates a pending invoice item; `invoiceitem.created`.

    amount: in minor units, negative for a credit
    """
    quantity = fields.setdefault("quantity", 1)
    if not fields.get("discountable", True):
        # Discounts are already part of the amount.
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
    """An invoice item's `parent`: the subscription and, if one made it, its item; or None."""
    if subscription_id is None:
        return None
    details = {"subscription": subscription_id}
    if item_id is not None:
        details["subscription_item"] = item_id
    return {"type": "subscription_details", "subscription_details": details}


def pricing_of(price: Obj) -> Obj:
    """The `pricing` of a line or an invoice item with this price."""
    return {
        "type": "price_details",
        "price_details": {"price": price["id"], "product": price["product"]},
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def pending_items(tx: Tx, customer_id: str, currency: str, *, of: tuple[str | None, ...] | None = None) -> list[Obj]:
    """Pending invoice items, oldest first.

    of: only those of these subscriptions (None: of no subscription)
    """
    where = "json ->> '$.customer' = ? AND json ->> '$.invoice' IS NULL AND json ->> '$.currency' = ?"
    found = tx.select("invoiceitem", where, customer_id, currency)
    return [item for item in found if of is None or subscription_id_of(item) in of]


def subscription_id_of(item: Obj) -> str | None:
    """The id of the subscription that an invoice item belongs to, or None."""
    parent = item["parent"]
    return None if parent is None else str(parent["subscription_details"]["subscription"])


def delete_pending_prorations(tx: Tx, subscription: Obj) -> None:
    """Deletes the pending prorations of a subscription."""
    for item in pending_items(tx, subscription["customer"], subscription["currency"], of=(subscription["id"],)):
        if item["proration"]:
            tx.delete(item, "invoiceitem.deleted")
