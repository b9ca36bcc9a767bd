"""Products: what is sold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from licet_sandbox.errors import invalid
from licet_sandbox.kit.fields import merge_metadata, metadata_of, web_address_of
from licet_sandbox.kit.lists import page, same
from licet_sandbox.resources.catalogue.prices import free_product_id, make_price

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_PLAIN = ("shippable", "active")
_LISTS = ("images", "marketing_features")
_TEXTS = ("description", "statement_descriptor", "tax_code", "unit_label")
_MAX_URL_LENGTH = 2048


def create(tx: Tx, p: Params) -> Obj:
    """Create a product, with a default price if `default_price_data` is given."""
    product_id = free_product_id(tx, p)
    product = tx.create(
        "product",
        "product.created",
        id=product_id,
        name=p.need("name"),
        type=p.get("type", "service"),
        updated=tx.now,
        metadata=metadata_of(p),
        **{key: p.get(key) for key in _PLAIN if key in p},
        **{key: p.get(key) or [] for key in _LISTS},
        **{key: p.text(key) for key in (*_TEXTS, "package_dimensions")},
        url=web_address_of(p, "url", _MAX_URL_LENGTH),
        **({} if "active" in p else {"active": True}),
    )
    if "default_price_data" in p:
        price = make_price(tx, p.sub("default_price_data"), product_id)
        product["default_price"] = price["id"]
        tx.save(product, "product.updated")
    return product


def retrieve(tx: Tx, _: Params, product_id: str) -> Obj:
    """Retrieve a product."""
    return tx.get("product", product_id)


def update(tx: Tx, p: Params, product_id: str) -> Obj:
    """Update a product; `active=false` archives it."""
    product = tx.get("product", product_id)
    if "name" in p:
        product["name"] = p.need("name")
    product.update({key: p.get(key) for key in _PLAIN if key in p})
    product.update({key: p.get(key) or [] for key in _LISTS if key in p})
    product.update({key: p.text(key) for key in (*_TEXTS, "package_dimensions") if key in p})
    if "url" in p:
        product["url"] = web_address_of(p, "url", _MAX_URL_LENGTH)
    if p.text("default_price"):
        price = tx.named("price", p.get("default_price"), "default_price")
        if price["product"] != product_id:
            raise invalid("The price specified must belong to this product.", param="default_price")
        product["default_price"] = price["id"]
    merge_metadata(product, p)
    return tx.save(product, "product.updated")


def delete(tx: Tx, _: Params, product_id: str) -> Obj:
    """Delete a product that has no prices."""
    product = tx.get("product", product_id)
    if tx.select("price", "json ->> '$.product' = ?", product_id):
        raise invalid("This product cannot be deleted because it has one or more user-created prices.")
    return tx.delete(product, "product.deleted")


def list_all(tx: Tx, p: Params) -> Obj:
    """List products, newest first."""
    ids = p.get("ids", [])
    chosen = [("id IN (SELECT value FROM json_each(?))", (json.dumps(ids),))] if ids else []
    return page(tx, p, "product", "/v1/products", same(p, "active", "shippable", "type", "url"), chosen)
