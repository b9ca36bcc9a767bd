"""Features, the products that include them, and the customers' active entitlements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.customers import entitlements
from licet_sandbox.errors import invalid, not_found
from licet_sandbox.kit.fields import merge_metadata, metadata_of
from licet_sandbox.kit.lists import Where, page

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_MAX_KEY_LENGTH = 80


def create_feature(tx: Tx, p: Params) -> Obj:
    """Create a feature with a unique lookup key."""
    key = p.need("lookup_key")
    if len(key) > _MAX_KEY_LENGTH:
        raise invalid(f"Invalid string: at most {_MAX_KEY_LENGTH} characters.", param="lookup_key")
    if tx.select("entitlements.feature", "json ->> '$.lookup_key' = ?", key):
        raise invalid(f"A feature with the lookup key `{key}` already exists.", param="lookup_key")
    fields = {"active": True, "lookup_key": key, "metadata": metadata_of(p), "name": p.need("name")}
    return tx.create("entitlements.feature", **fields)


def retrieve_feature(tx: Tx, _: Params, feature_id: str) -> Obj:
    """Retrieve a feature."""
    return tx.get("entitlements.feature", feature_id)


def update_feature(tx: Tx, p: Params, feature_id: str) -> Obj:
    """Update the name or metadata, or archive the feature permanently."""
    feature = tx.get("entitlements.feature", feature_id)
    if "name" in p:
        feature["name"] = p.need("name")
    if "active" in p:
        if p.get("active") and not feature["active"]:
            raise invalid("An archived feature cannot be activated again.", param="active")
        feature["active"] = p.get("active")
    merge_metadata(feature, p)
    for attached in tx.select("product_feature", "json ->> '$.entitlement_feature.id' = ?", feature_id):
        attached["entitlement_feature"] = dict(feature)
        tx.save(attached)
    return tx.save(feature)


def list_features(tx: Tx, p: Params) -> Obj:
    """List features, newest first; archived ones only with `archived`."""
    wheres: list[Where] = [("json ->> '$.active' = ?", (not p.get("archived", False),))]
    if "lookup_key" in p:
        wheres.append(("json ->> '$.lookup_key' = ?", (p.get("lookup_key"),)))
    return page(tx, p, "entitlements.feature", "/v1/entitlements/features", wheres)


def attach_feature(tx: Tx, p: Params, product_id: str) -> Obj:
    """Attach a feature to a product. Present and future subscribers are entitled to it."""
    tx.get("product", product_id)
    feature = tx.named("entitlements.feature", p.need("entitlement_feature"), "entitlement_feature")
    if not feature["active"]:
        raise invalid("An archived feature cannot be attached to a product.", param="entitlement_feature")
    attached = entitlements.features_of_product(tx, product_id)
    if any(one["entitlement_feature"]["id"] == feature["id"] for one in attached):
        raise invalid("This feature is already attached to this product.", param="entitlement_feature")
    made = tx.create("product_feature", entitlement_feature=dict(feature), _={"product": product_id})
    _refresh_subscribers(tx, product_id)
    return made


def retrieve_attached(tx: Tx, _: Params, product_id: str, attached_id: str) -> Obj:
    """Retrieve a feature of a product."""
    tx.get("product", product_id)
    attached = tx.get("product_feature", attached_id)
    if attached["_"]["product"] != product_id:
        raise not_found("product_feature", attached_id)
    return attached


def detach_feature(tx: Tx, p: Params, product_id: str, attached_id: str) -> Obj:
    """Detach a feature from a product. Subscribers entitled only by this product lose it."""
    stub = tx.delete(retrieve_attached(tx, p, product_id, attached_id))
    _refresh_subscribers(tx, product_id)
    return stub


def list_attached(tx: Tx, p: Params, product_id: str) -> Obj:
    """List a product's features, newest first."""
    tx.get("product", product_id)
    own: list[Where] = [("json ->> '$._.product' = ?", (product_id,))]
    return page(tx, p, "product_feature", f"/v1/products/{product_id}/features", own)


def retrieve_active(tx: Tx, _: Params, entitlement_id: str) -> Obj:
    """Retrieve an active entitlement."""
    return tx.get("entitlements.active_entitlement", entitlement_id)


def list_active(tx: Tx, p: Params) -> Obj:
    """List a customer's active entitlements, newest first."""
    customer = tx.named("customer", p.need("customer"), "customer")
    own: list[Where] = [("json ->> '$._.customer' = ?", (customer["id"],))]
    return page(tx, p, "entitlements.active_entitlement", "/v1/entitlements/active_entitlements", own)


def _refresh_subscribers(tx: Tx, product_id: str) -> None:
    with_product = (
        "EXISTS (SELECT 1 FROM json_each(objects.json, '$.items.data') WHERE value ->> '$.price.product' = ?)"
    )
    for customer_id in dict.fromkeys(one["customer"] for one in tx.select("subscription", with_product, product_id)):
        entitlements.refresh_entitlements(tx, customer_id)
