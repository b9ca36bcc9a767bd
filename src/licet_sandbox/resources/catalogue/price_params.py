"""The price of an item: named by `price` or by the older `plan`, or created from `price_data`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.errors import invalid
from licet_sandbox.resources.catalogue.prices import check_active, make_price

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_PRICE_PARAMS = ("price", "plan", "price_data")
# The highest price times this quantity, summed over a few items, is still an exact integer in JSON.
_MAX_QUANTITY = 99_999_999


def chosen_price(tx: Tx, p: Params) -> Obj | None:
    """The active price that these parameters name, or None if they name none."""
    given = [name for name in _PRICE_PARAMS if name in p]
    if not given:
        return None
    if len(given) > 1:
        message = f"You may only specify one of these parameters: {', '.join(given)}."
        raise invalid(message, param=p.name(given[1]), code="parameters_exclusive")
    name = given[0]
    if name == "price_data":
        data = p.sub("price_data")
        product = tx.named("product", data.need("product"), data.name("product"))
        return make_price(tx, data, product["id"], active=False)
    price = tx.named("price", p.need(name), p.name(name))
    check_active(tx, price, p)
    return price


def required_price(tx: Tx, p: Params) -> Obj:
    """The price; 400 if none is named."""
    price = chosen_price(tx, p)
    if price is None:
        raise p.missing("price")
    return price


def check_recurring(price: Obj, p: Params, currency: str | None = None) -> None:
    """400 unless the price is recurring and in the subscription's currency."""
    if price["type"] != "recurring":
        message = f"The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`: {price['id']}"  # noqa: E501  # Stripe's words.
        raise invalid(message, param=p.name("price"))
    check_currency(price, p, currency)


def check_currency(price: Obj, p: Params, currency: str | None) -> None:
    """400 if the price has another currency than its subscription or invoice."""
    if currency is not None and price["currency"] != currency:
        message = f"The price specified uses `{price['currency']}`, which is not the currency `{currency}` needed here."
        raise invalid(message, param=p.name("price"))


def quantity_of(p: Params, default: int = 1) -> int:
    """The quantity, 0 or more; 400 if it is out of range."""
    quantity: int = p.get("quantity", default)
    if not 0 <= quantity <= _MAX_QUANTITY:
        message = f"Invalid quantity: must be {'0 or more' if quantity < 0 else f'{_MAX_QUANTITY} or less'}."
        raise invalid(message, param=p.name("quantity"), code="parameter_invalid_integer")
    return quantity
