"""`add_invoice_items` of a schedule phase: pending items, made when the phase starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.invoices.invoice_items import make_invoice_item, parent_of, pricing_of
from licet_sandbox.billing.invoices.lines import amount_of, product_name
from licet_sandbox.billing.schedules.phase_discounts import set_phase_discounts
from licet_sandbox.ids import new_id

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def add_invoice_items(tx: Tx, subscription: Obj, phase: Obj) -> None:
    """Creates the pending invoice items of the phase."""
    for extra in phase["add_invoice_items"]:
        price = tx.get("price", extra["price"])
        item_id = new_id("invoiceitem")
        discounted: Obj = {"discounts": []}
        set_phase_discounts(tx, discounted, extra["discounts"], customer=subscription["customer"], invoice_item=item_id)
        make_invoice_item(
            tx,
            subscription["customer"],
            amount_of(price, extra["quantity"]),
            price["currency"],
            id=item_id,
            discounts=discounted["discounts"],
            description=product_name(tx, price),
            discountable=extra["discountable"],
            metadata=extra["metadata"],
            parent=parent_of(subscription["id"]),
            period=_period(subscription, phase, extra["period"]),
            pricing=pricing_of(price),
            quantity=extra["quantity"],
        )


def _period(subscription: Obj, phase: Obj, period: Obj) -> dict[str, int]:
    items = subscription["items"]["data"]
    bounds = {
        "max_item_period_start": max(item["current_period_start"] for item in items),
        "min_item_period_end": min(item["current_period_end"] for item in items),
        "phase_start": phase["start_date"],
        "phase_end": phase["end_date"],
    }
    start, end = (bounds.get(bound["type"], bound.get("timestamp")) for bound in (period["start"], period["end"]))
    return {"start": start, "end": max(start, end)}
