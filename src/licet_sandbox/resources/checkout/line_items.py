"""The line items of a checkout session, and which of them can be combined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.checkout.quantities import DEFAULT_MAXIMUM, DEFAULT_MINIMUM, MAX_QUANTITY
from licet_sandbox.billing.invoices.lines import amount_of, product_name
from licet_sandbox.errors import invalid
from licet_sandbox.kit.fields import metadata_of
from licet_sandbox.resources.catalogue.prices import check_active, make_price, make_product

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_MAX_PAYMENT_LINES, _MAX_RECURRING_LINES, _MAX_ONE_TIME_LINES = 100, 20, 20


def make_lines(tx: Tx, p: Params, mode: str) -> list[Obj]:
    """The session's `item` objects, checked against the mode and against each other."""
    given = p.subs("line_items")
    if not given:
        raise p.missing("line_items")
    lines = [_make_line(tx, line) for line in given]
    recurring = [line for line in lines if line["price"]["type"] == "recurring"]
    if mode == "payment" and recurring:
        message = "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices."  # noqa: E501  # Stripe's words.
        raise invalid(message, param="line_items")
    if mode == "subscription" and not recurring:
        message = "You must provide at least one recurring price in `subscription` mode when using prices."
        raise invalid(message, param="line_items")
    _check_count(len(lines), len(recurring), mode)
    if len({line["currency"] for line in lines}) > 1:
        raise invalid("All prices on a Checkout Session must use the same currency.", param="line_items")
    intervals = {
        (line["price"]["recurring"]["interval"], line["price"]["recurring"]["interval_count"]) for line in recurring
    }
    if len(intervals) > 1:
        message = "Checkout does not support multiple prices with different billing intervals."
        raise invalid(message, param="line_items")
    currency = p.text("currency")
    if currency is not None and currency.lower() != lines[0]["currency"]:
        raise invalid(f"The prices are not available in {currency}.", param="currency")
    return lines


def _check_count(count: int, recurring: int, mode: str) -> None:
    if mode == "payment" and count > _MAX_PAYMENT_LINES:
        raise invalid(f"You can pass at most {_MAX_PAYMENT_LINES} line items.", param="line_items")
    if mode == "subscription" and (recurring > _MAX_RECURRING_LINES or count - recurring > _MAX_ONE_TIME_LINES):
        message = (
            f"You can pass at most {_MAX_RECURRING_LINES} recurring and {_MAX_ONE_TIME_LINES} one-time line items."
        )
        raise invalid(message, param="line_items")


def _make_line(tx: Tx, p: Params) -> Obj:
    if ("price" in p) == ("price_data" in p):
        raise invalid(
            "You must pass exactly one of `price` and `price_data` for each line item.", param=p.name("price")
        )
    price = tx.named("price", p.need("price"), p.name("price")) if "price" in p else _inline_price(tx, p)
    if "price" in p:
        check_active(tx, price, p)
    quantity = p.need("quantity")
    if not 1 <= quantity <= MAX_QUANTITY:
        raise invalid(f"Invalid quantity: from 1 to {MAX_QUANTITY}.", param=p.name("quantity"))
    amount = amount_of(price, quantity)
    return tx.new(
        "item",
        adjustable_quantity=_adjustable(p.sub("adjustable_quantity"), quantity),
        amount_subtotal=amount,
        amount_total=amount,
        currency=price["currency"],
        description=product_name(tx, price),
        metadata=metadata_of(p),
        price=price,
        quantity=quantity,
    )


def _adjustable(p: Params, quantity: int) -> Obj | None:
    """The least and the most that the buyer may choose; None if the quantity is fixed."""
    enabled = p.get("enabled", False)
    least, most = p.get("minimum", DEFAULT_MINIMUM), p.get("maximum", max(quantity, DEFAULT_MAXIMUM))
    for name, bound in (("minimum", least), ("maximum", most)):
        if not 0 <= bound <= MAX_QUANTITY:
            raise invalid(f"Invalid {name}: from 0 to {MAX_QUANTITY}.", param=p.name(name))
    if enabled and not least <= quantity <= most:
        message = f"The quantity must be between the adjustable minimum ({least}) and maximum ({most})."
        raise invalid(message, param=p.name("maximum" if quantity > most else "minimum"))
    return {"enabled": True, "minimum": least, "maximum": most} if enabled else None


def _inline_price(tx: Tx, p: Params) -> Obj:
    """Create a price for this line only. As at Stripe, it is inactive."""
    data = p.sub("price_data")
    if "product" in data:
        product_id = tx.named("product", data.need("product"), data.name("product"))["id"]
    else:
        product_id = make_product(tx, data.sub("product_data"), active=False)["id"]
    return make_price(tx, data, product_id, active=False)
