"""The products and prices that a customer may choose from in the portal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_MAX_PRODUCTS = 10


def read_products(tx: Tx, given: Params) -> list[Obj]:
    """`products[]` of `features.subscription_update`: recurring prices, one per interval and product."""
    products = [_read(tx, one) for one in given.subs("products")]
    if len(products) > _MAX_PRODUCTS:
        raise invalid(f"You can pass at most {_MAX_PRODUCTS} products.", param=given.name("products"))
    if len({product["product"] for product in products}) < len(products):
        raise invalid("Each product may be given once.", param=given.name("products"))
    return products


def _read(tx: Tx, p: Params) -> Obj:
    product = tx.named("product", p.need("product"), p.name("product"))
    param = p.name("prices")
    prices = [tx.named("price", price_id, param) for price_id in p.need("prices")]
    for price in prices:
        if price["product"] != product["id"]:
            raise invalid(f"The price {price['id']} does not belong to the product {product['id']}.", param=param)
        if price["type"] != "recurring" or not price["active"]:
            raise invalid(f"The price {price['id']} is not an active recurring price.", param=param)
    intervals = {(one["currency"], one["recurring"]["interval"], one["recurring"]["interval_count"]) for one in prices}
    if len(intervals) < len(prices):
        message = f"The prices of a product must have different billing intervals: {product['id']}."
        raise invalid(message, param=param)
    return {
        "product": product["id"],
        "prices": [price["id"] for price in prices],
        "adjustable_quantity": _quantity(p.sub("adjustable_quantity")),
    }


def _quantity(p: Params) -> Obj:
    enabled, least, most = p.get("enabled", False), p.get("minimum", 1), p.get("maximum")
    if most is not None and most < least:
        raise invalid("`maximum` must not be less than `minimum`.", param=p.name("maximum"))
    return {"enabled": enabled, "minimum": least, "maximum": most}
