"""`add_invoice_items` of a schedule's phase: one-time items invoiced when the phase begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.errors import invalid
from licet_sandbox.resources.catalogue.discounts import read_discounts
from licet_sandbox.resources.catalogue.price_params import check_currency, quantity_of, required_price

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_MAX_INVOICE_ITEMS = 20


def read_invoice_items(tx: Tx, p: Params, currency: str, customer_id: str) -> list[Obj]:
    """The phase's items, each with a one-time price and a period."""
    given = p.subs("add_invoice_items")
    if len(given) > _MAX_INVOICE_ITEMS:
        raise invalid(f"You can add at most {_MAX_INVOICE_ITEMS} invoice items.", param=p.name("add_invoice_items"))
    return [_read(tx, extra, currency, customer_id) for extra in given]


def _read(tx: Tx, p: Params, currency: str, customer_id: str) -> Obj:
    price = required_price(tx, p)
    check_currency(price, p, currency)
    if price["type"] != "one_time":
        message = f"The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`: {price['id']}"  # noqa: E501  # Stripe's words.
        raise invalid(message, param=p.name("price"))
    p.refuse("tax_rates", "", [])
    period = p.sub("period")
    return {
        "discountable": p.get("discountable", True),
        "discounts": read_discounts(tx, p, currency, customer_id),
        "metadata": p.get("metadata") or {},
        "period": {
            "start": _bound(period.sub("start"), "max_item_period_start"),
            "end": _bound(period.sub("end"), "min_item_period_end"),
        },
        "price": price["id"],
        "quantity": quantity_of(p),
        "tax_rates": [],
    }


def _bound(p: Params, default: str) -> Obj:
    kind = p.get("type", default)
    return {"type": kind, "timestamp": p.need("timestamp")} if kind == "timestamp" else {"type": kind}
