"""Invoice items: create and list."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.invoices.invoice_items import make_invoice_item, parent_of, pricing_of
from licet_sandbox.billing.invoices.invoices import add_lines
from licet_sandbox.billing.invoices.lines import item_line, product_name
from licet_sandbox.billing.next_due import ended
from licet_sandbox.errors import invalid
from licet_sandbox.ids import new_id
from licet_sandbox.kit.currencies import check_maximum
from licet_sandbox.kit.fields import currency_code, metadata_of
from licet_sandbox.kit.lists import Where, page, same
from licet_sandbox.resources.catalogue.discounts import DiscountContext, new_discounts
from licet_sandbox.resources.catalogue.price_params import check_currency
from licet_sandbox.resources.catalogue.prices import check_active, make_price

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# `price` and `unit_amount` are parameters of previews only.
_PRICE_PARAMS = ("amount", "unit_amount", "unit_amount_decimal", "price", "price_data", "pricing")
_MAX_LINES = 250


def create(tx: Tx, p: Params) -> Obj:
    """Create an item, pending for the customer's next invoice or added to the named draft."""
    invoice = _draft(tx, p)
    subscription = _subscription(tx, p)
    customer = _customer(tx, p, invoice, subscription)
    currency = None
    if invoice is not None or subscription is not None:
        currency = (invoice or subscription or {})["currency"]
    item = build_invoice_item(
        tx, p, customer, currency, parent=parent_of(None if subscription is None else subscription["id"])
    )
    if invoice is not None:
        # Added directly: it is deleted with the draft.
        item["_"] = {"direct": True}
        add_lines(tx, invoice, [item_line(tx, item)])
        tx.save(invoice, "invoice.updated")
    return item


def build_invoice_item(tx: Tx, p: Params, customer: Obj, currency: str | None, **fields: Any) -> Obj:
    """Create the item that the parameters describe. currency: the required currency, or None."""
    p.refuse("tax_rates", "", [])
    given = [name for name in _PRICE_PARAMS if name in p]
    if len(given) != 1:
        message = f"You must pass exactly one of {', '.join(f'`{name}`' for name in _PRICE_PARAMS)}."
        code = "parameters_exclusive" if given else "parameter_missing"
        raise invalid(message, param=p.name(given[1] if given else "amount"), code=code)
    price = _price(tx, p, given[0])
    if price is not None:
        check_currency(price, p, currency)
    exact = _quantity(p, given[0])
    unit = Decimal(price["unit_amount_decimal"] if price is not None else str(p.get(given[0])))
    billed_in = price["currency"] if price is not None else _currency(p, customer, currency)
    amount = _rounded(unit * exact, billed_in, p.name(given[0]))
    item_id = new_id("invoiceitem")
    return make_invoice_item(
        tx,
        customer["id"],
        amount,
        billed_in,
        id=item_id,
        description=p.text("description") or (product_name(tx, price) if price is not None else None),
        discountable=p.get("discountable", amount >= 0),
        discounts=new_discounts(tx, p, DiscountContext(customer["id"], billed_in, amount), invoice_item=item_id),
        metadata=metadata_of(p),
        period=_period(tx, p),
        pricing=pricing_of(price) if price is not None else _plain_pricing(unit),
        quantity=int(exact),
        quantity_decimal=f"{exact.normalize():f}",
        **fields,
    )


def _rounded(exact: Decimal, currency: str, param: str) -> int:
    """Round to whole minor units, half away from zero; 400 if the amount is too large."""
    amount = int(exact.to_integral_value(ROUND_HALF_UP))
    check_maximum(amount, currency, param)
    return amount


def _draft(tx: Tx, p: Params) -> Obj | None:
    if not p.text("invoice"):
        return None
    invoice = tx.named("invoice", p.get("invoice"), "invoice")
    if invoice["status"] != "draft":
        raise invalid(f"Invoice {invoice['id']} is no longer editable.", param="invoice", code="invoice_not_editable")
    if len(invoice["_"]["lines"]) >= _MAX_LINES:
        raise invalid(f"An invoice can have at most {_MAX_LINES} lines.", param="invoice")
    return invoice


def _subscription(tx: Tx, p: Params) -> Obj | None:
    if not p.text("subscription"):
        return None
    subscription = tx.named("subscription", p.get("subscription"), "subscription")
    if ended(subscription):
        raise invalid(f"The subscription `{subscription['id']}` has ended.", param="subscription")
    return subscription


def _customer(tx: Tx, p: Params, invoice: Obj | None, subscription: Obj | None) -> Obj:
    """The named customer; 400 if the invoice or subscription belongs to another one."""
    owners = {owner["customer"]: name for name, owner in _named(invoice, subscription)}
    customer_id = p.text("customer") or next(iter(owners), None)
    if customer_id is None:
        raise p.missing("customer")
    for owner, name in owners.items():
        if owner != customer_id:
            raise invalid(f"The {name} does not belong to the customer `{customer_id}`.", param=name)
    return tx.named("customer", customer_id, "customer")


def _named(invoice: Obj | None, subscription: Obj | None) -> list[tuple[str, Obj]]:
    both = (("invoice", invoice), ("subscription", subscription))
    return [(name, owner) for name, owner in both if owner is not None]


def _price(tx: Tx, p: Params, way: str) -> Obj | None:
    """The one-time price that is named or created; None if only an amount is given."""
    if way == "price_data":
        data = p.sub("price_data")
        product = tx.named("product", data.need("product"), data.name("product"))
        return make_price(tx, data, product["id"], active=False)
    if way not in {"price", "pricing"}:
        return None
    named = p.sub("pricing") if way == "pricing" else p
    price = tx.named("price", named.need("price"), named.name("price"))
    check_active(tx, price, named)
    if price["type"] != "one_time":
        message = f"The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`: {price['id']}"  # noqa: E501  # Stripe's words.
        raise invalid(message, param=named.name("price"))
    return price


def _quantity(p: Params, way: str) -> Decimal:
    given = [name for name in ("quantity", "quantity_decimal") if name in p]
    if given and (way == "amount" or len(given) > 1):
        message = (
            f"You may only specify one of these parameters: {'amount' if way == 'amount' else given[0]}, {given[-1]}."
        )
        raise invalid(message, param=p.name(given[-1]), code="parameters_exclusive")
    quantity = Decimal(str(p.get(given[0]))) if given else Decimal(1)
    if quantity < 0:
        raise invalid("Invalid quantity: must be 0 or more.", param=p.name(given[0]))
    return quantity


def _currency(p: Params, customer: Obj, needed: str | None) -> str:
    given = p.text("currency") or needed or customer["currency"]
    if given is None:
        raise p.missing("currency")
    currency = currency_code(given, p.name("currency"))
    if needed is not None and currency != needed:
        raise invalid(f"The currency must be `{needed}` here, not `{currency}`.", param=p.name("currency"))
    return currency


def _plain_pricing(unit: Decimal) -> Obj:
    return {"type": "price_details", "unit_amount_decimal": f"{unit.normalize():f}"}


def _period(tx: Tx, p: Params) -> Obj:
    given = p.sub("period")
    if not given:
        return {"start": tx.now, "end": tx.now}
    period = {"start": given.need("start"), "end": given.need("end")}
    if period["end"] < period["start"]:
        raise invalid("The end of a period must not be before its start.", param=given.name("end"))
    return period


def list_all(tx: Tx, p: Params) -> Obj:
    """List invoice items, newest first."""
    wheres: list[Where] = []
    if "pending" in p:
        wheres.append((f"json ->> '$.invoice' IS {'' if p.get('pending') else 'NOT '}NULL", ()))
    return page(tx, p, "invoiceitem", "/v1/invoiceitems", same(p, "customer", "invoice"), wheres)
