"""Amounts and the lines of an invoice."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.discounts.discounts import active_discounts
from licet_sandbox.billing.invoices.invoice_items import make_invoice_item, parent_of, pricing_of, subscription_id_of
from licet_sandbox.kit.currencies import format_amount

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def amount_of(price: Obj, quantity: int) -> int:
    """The amount in minor units for this quantity of a price, half a unit rounded up."""
    exact = Decimal(price["unit_amount_decimal"]) * quantity
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def describe_interval(recurring: Obj) -> str:
    """The interval as text: `month`, `3 months`."""
    count, interval = recurring["interval_count"], recurring["interval"]
    return str(interval) if count == 1 else f"{count} {interval}s"


def product_name(tx: Tx, price: Obj) -> str:
    """The name of the price's product; of a deleted product `Product`."""
    product = tx.find(price["product"], deleted=True)
    return str(product["name"]) if product is not None and "name" in product else "Product"


def subscription_line(tx: Tx, subscription: Obj, item: Obj, *, trial: bool) -> Obj:
    """The line of one item for its current period; its amount is 0 during a trial."""
    price, quantity = item["price"], item["quantity"]
    name, interval = product_name(tx, price), describe_interval(price["recurring"])
    unit_price = format_amount(price["unit_amount"], price["currency"]) if price["unit_amount"] is not None else "…"
    return _line(
        tx,
        0 if trial else amount_of(price, quantity),
        price["currency"],
        quantity,
        pricing=pricing_of(price),
        discounts=active_discounts(tx, item["discounts"]),
        description=f"Trial period for {name}" if trial else f"{quantity} × {name} (at {unit_price} / {interval})",  # noqa: RUF001
        metadata=dict(subscription["metadata"]),
        period={"start": item["current_period_start"], "end": item["current_period_end"]},
        subscription=subscription["id"],
        parent={
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
        },
    )


def one_time_line(tx: Tx, customer_id: str, price: Obj, quantity: int, subscription_id: str | None = None) -> Obj:
    """The line of a one-time price. As at Stripe, it creates the invoice item that the line names."""
    item = make_invoice_item(
        tx,
        customer_id,
        amount_of(price, quantity),
        price["currency"],
        description=product_name(tx, price),
        parent=parent_of(subscription_id),
        pricing=pricing_of(price),
        quantity=quantity,
    )
    return item_line(tx, item)


def item_line(tx: Tx, item: Obj) -> Obj:
    """The line that bills an invoice item."""
    subscription_id = subscription_id_of(item)
    details: Obj = {
        "invoice_item": item["id"],
        "proration": item["proration"],
        # Set once the line's invoice is known.
        "proration_details": {"credited_items": None},
        "subscription": subscription_id,
    }
    made_by = (item["parent"] or {}).get("subscription_details", {}).get("subscription_item")
    kind = "invoice_item_details"
    if made_by is not None:
        kind = "subscription_item_details"
        details["subscription_item"] = made_by
    return _line(
        tx,
        item["amount"],
        item["currency"],
        item["quantity"],
        description=item["description"],
        discountable=item["discountable"],
        discounts=list(item["discounts"] or []),
        metadata=dict(item["metadata"]),
        parent={"type": kind, "invoice_item_details": None, "subscription_item_details": None, kind: details},
        period=dict(item["period"]),
        pricing=item["pricing"],
        quantity_decimal=item["quantity_decimal"],
        subscription=subscription_id,
    )


def _line(tx: Tx, amount: int, currency: str, quantity: int, **fields: Any) -> Obj:
    return tx.new(
        "line_item",
        **{
            "amount": amount,
            "subtotal": amount,
            "currency": currency,
            "discount_amounts": [],
            "discountable": True,
            "pretax_credit_amounts": [],
            "quantity": quantity,
            "quantity_decimal": str(quantity),
            "taxes": [],
            **fields,
        },
    )
