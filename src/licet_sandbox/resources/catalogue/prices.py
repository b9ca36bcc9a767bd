"""Prices: what a product costs, once or per interval."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

from licet_sandbox.errors import invalid
from licet_sandbox.ids import new_id
from licet_sandbox.kit.currencies import check_step, maximum_amount
from licet_sandbox.kit.fields import currency_of, merge_metadata, metadata_of
from licet_sandbox.kit.lists import page, same

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# The longest interval that Stripe allows is three years.
LONGEST_TRIAL_DAYS = 730
_MAX_INTERVAL_COUNT = {"day": 1095, "week": 156, "month": 36, "year": 3}


def create(tx: Tx, p: Params) -> Obj:
    """Create a price for an existing product, or for a new one from `product_data`."""
    if ("product" in p) == ("product_data" in p):
        raise invalid("You must pass exactly one of `product` and `product_data`.", param="product")
    if "product" in p:
        product_id = tx.named("product", p.need("product"), "product")["id"]
    else:
        product_id = make_product(tx, p.sub("product_data"))["id"]
    return make_price(tx, p, product_id)


def check_active(tx: Tx, price: Obj, p: Params) -> None:
    """400 unless the price and its product are active."""
    product = tx.find(price["product"])
    if not price["active"]:
        message = "The price specified is inactive. This field only accepts active prices."
        raise invalid(message, param=p.name("price"))
    if product is None or not product["active"]:
        message = f"The product {price['product']} is marked as inactive, and thus no new items of it can be sold."
        raise invalid(message, param=p.name("price"))


def make_product(tx: Tx, p: Params, *, active: bool = True) -> Obj:
    """Create the product that `product_data` of a price or a line describes."""
    return tx.create(
        "product",
        "product.created",
        id=free_product_id(tx, p),
        name=p.need("name"),
        active=p.get("active", active),
        type="service",
        updated=tx.now,
        metadata=metadata_of(p),
        images=p.get("images", []),
        **{key: p.text(key) for key in ("description", "statement_descriptor", "tax_code", "unit_label")},
    )


def free_product_id(tx: Tx, p: Params) -> str:
    """The chosen id, or a new one; 400 if it is in use. The id of a deleted product stays in use."""
    chosen = p.text("id")
    if chosen is not None and tx.find(chosen, deleted=True) is not None:
        raise invalid(f"Product already exists: {chosen}", param=p.name("id"), code="resource_already_exists")
    return chosen or new_id("product")


def make_price(tx: Tx, p: Params, product_id: str, *, active: bool = True) -> Obj:
    """Create a price from its parameters, which may be nested in those of a product or a line."""
    p.refuse("billing_scheme", "per_unit")
    currency = currency_of(p)
    amount, decimal = _amount(p, currency)
    recurring = _recurring(p.sub("recurring"))
    lookup_key = _take_lookup_key(tx, p)
    return tx.create(
        "price",
        "price.created",
        active=p.get("active", active),
        billing_scheme="per_unit",
        currency=currency,
        lookup_key=lookup_key,
        metadata=metadata_of(p),
        nickname=p.text("nickname"),
        product=product_id,
        recurring=recurring,
        tax_behavior=p.get("tax_behavior", "unspecified"),
        type="one_time" if recurring is None else "recurring",
        unit_amount=amount,
        unit_amount_decimal=decimal,
    )


def _amount(p: Params, currency: str) -> tuple[int | None, str]:
    """`unit_amount` (minor units, None if it is not whole) and `unit_amount_decimal`."""
    if ("unit_amount" in p) == ("unit_amount_decimal" in p):
        raise invalid("You must pass exactly one of `unit_amount` and `unit_amount_decimal`.", param="unit_amount")
    exact = Decimal(p.get("unit_amount") if "unit_amount" in p else p.get("unit_amount_decimal"))
    most = maximum_amount(currency)
    if exact < 0 or exact > most:
        raise invalid(f"Invalid amount: it must be from 0 to {most}.", param=p.name("unit_amount"))
    whole = exact == exact.to_integral_value()
    if "unit_amount" in p:
        check_step(int(exact), currency, p.name("unit_amount"))
    return (int(exact) if whole else None), f"{exact.normalize():f}"


def _recurring(p: Params) -> Obj | None:
    if not p:
        return None
    p.refuse("usage_type", "licensed")
    trial_days = p.get("trial_period_days")
    if trial_days is not None and not 0 <= trial_days <= LONGEST_TRIAL_DAYS:
        message = f"Invalid integer: a trial can be at most {LONGEST_TRIAL_DAYS} days long."
        raise invalid(message, param=p.name("trial_period_days"))
    return {**interval_of(p), "meter": None, "trial_period_days": trial_days, "usage_type": "licensed"}


def interval_of(p: Params) -> Obj:
    """`interval` and `interval_count`; 400 if longer than three years."""
    interval, count = p.need("interval"), p.get("interval_count", 1)
    if not 1 <= count <= _MAX_INTERVAL_COUNT[interval]:
        raise invalid(
            f"Invalid interval_count: from 1 to {_MAX_INTERVAL_COUNT[interval]}.", param=p.name("interval_count")
        )
    return {"interval": interval, "interval_count": count}


def _take_lookup_key(tx: Tx, p: Params) -> str | None:
    """The lookup key; with `transfer_lookup_key`, it is removed from the price that has it."""
    lookup_key, transfer = p.text("lookup_key"), p.get("transfer_lookup_key", False)
    if lookup_key is None:
        return None
    for holder in tx.select("price", "json ->> '$.lookup_key' = ?", lookup_key):
        if not transfer:
            message = f"A price (`{holder['id']}`) already uses that lookup key."
            raise invalid(message, param="lookup_key")
        holder["lookup_key"] = None
        tx.save(holder, "price.updated")
    return lookup_key


def retrieve(tx: Tx, _: Params, price_id: str) -> Obj:
    """Retrieve a price."""
    return tx.get("price", price_id)


def update(tx: Tx, p: Params, price_id: str) -> Obj:
    """Update a price, except its amount; `active=false` archives it."""
    price = tx.get("price", price_id)
    if "active" in p:
        price["active"] = p.get("active")
    if "nickname" in p:
        price["nickname"] = p.text("nickname")
    if "tax_behavior" in p:
        price["tax_behavior"] = p.get("tax_behavior")
    if "lookup_key" in p and p.get("lookup_key") != price["lookup_key"]:
        price["lookup_key"] = _take_lookup_key(tx, p)
    p.get("transfer_lookup_key")
    merge_metadata(price, p)
    return tx.save(price, "price.updated")


def list_all(tx: Tx, p: Params) -> Obj:
    """List prices, newest first."""
    keys = p.get("lookup_keys", [])
    chosen = [("json ->> '$.lookup_key' IN (SELECT value FROM json_each(?))", (json.dumps(keys),))] if keys else []
    recurring = p.sub("recurring")
    for name in ("interval", "usage_type", "meter"):
        if name in recurring:
            chosen.append((f"json ->> '$.recurring.{name}' = ?", (recurring.get(name),)))
    return page(tx, p, "price", "/v1/prices", same(p, "active", "currency", "product", "type"), chosen)
