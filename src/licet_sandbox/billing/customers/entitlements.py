"""A customer's active entitlements: the features of the products in its subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# Stripe's documentation only says "active". According to its support, a pause removes no entitlement; a subscription
# that is past due still counts, and an unpaid one does not.
_ENTITLED = ("active", "trialing", "past_due", "paused")
_SHOWN = 10


def active_entitlements(tx: Tx, customer_id: str) -> list[Obj]:
    """The customer's active entitlements, oldest first: one per feature."""
    return tx.select("entitlements.active_entitlement", "json ->> '$._.customer' = ?", customer_id)


def update_entitlements(tx: Tx) -> None:
    """Updates the entitlements of customers whose subscriptions changed. Runs before each commit."""
    changed = [obj["customer"] for obj in tx.written.values() if obj["object"] == "subscription"]
    if changed and tx.store.value("SELECT 1 FROM objects WHERE kind = 'product_feature' LIMIT 1"):
        for customer_id in dict.fromkeys(changed):
            refresh_entitlements(tx, customer_id)


def refresh_entitlements(tx: Tx, customer_id: str) -> None:
    """Grants and removes entitlements to match the customer's subscriptions; emits at most one event."""
    customer = tx.find(customer_id, deleted=True)
    tx.use_clock(None if customer is None else tx.clock_of(customer))
    granted = _features_of(tx, customer_id)
    held = {entry["feature"]: entry for entry in active_entitlements(tx, customer_id)}
    gone = [entry for feature, entry in held.items() if feature not in granted]
    new = [feature for feature in granted if feature not in held]
    before = _summary(tx, customer_id)["entitlements"]
    for entitlement in gone:
        tx.delete(entitlement)
    for feature in new:
        tx.create(
            "entitlements.active_entitlement",
            feature=feature,
            lookup_key=granted[feature]["lookup_key"],
            _={"customer": customer_id},
        )
    if gone or new:
        previous = {"entitlements": before}
        tx.emit("entitlements.active_entitlement_summary.updated", _summary(tx, customer_id), previous=previous)


def _features_of(tx: Tx, customer_id: str) -> dict[str, Obj]:
    found: dict[str, Obj] = {}
    for subscription in tx.select("subscription", "json ->> '$.customer' = ?", customer_id):
        if subscription["status"] in _ENTITLED:
            for item in subscription["items"]["data"]:
                for attached in features_of_product(tx, item["price"]["product"]):
                    feature = attached["entitlement_feature"]
                    found[feature["id"]] = feature
    return found


def features_of_product(tx: Tx, product_id: str) -> list[Obj]:
    """`product_feature` objects of a product, oldest first."""
    return tx.select("product_feature", "json ->> '$._.product' = ?", product_id)


def _summary(tx: Tx, customer_id: str) -> Obj:
    entitlements = active_entitlements(tx, customer_id)
    return {
        "object": "entitlements.active_entitlement_summary",
        "customer": customer_id,
        "entitlements": {
            "object": "list",
            "data": [{key: value for key, value in entry.items() if key != "_"} for entry in entitlements[:_SHOWN]],
            "has_more": len(entitlements) > _SHOWN,
            "url": f"/v1/customer/{customer_id}/entitlements",
        },
        "livemode": False,
    }
