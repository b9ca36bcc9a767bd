"""The features of a portal configuration, and the default configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_MAX_PRODUCTS = 10
_REASONS = ("too_expensive", "missing_features", "switched_service", "unused", "other")


def default_features() -> Obj:
    """Every feature disabled, with Stripe's defaults."""
    return {
        "customer_update": {"allowed_updates": [], "enabled": False},
        "invoice_history": {"enabled": False},
        "payment_method_update": {"enabled": False, "payment_method_configuration": None},
        "subscription_cancel": {
            "cancellation_reason": {"enabled": False, "feedback_options": None, "options": list(_REASONS)},
            "enabled": False,
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_pause": {
            "duration": {
                "interval_options": [{"interval": "month", "interval_count": 1}],
                "type": "interval_options",
            },
            "enabled": False,
        },
        "subscription_update": {
            "billing_cycle_anchor": None,
            "default_allowed_updates": [],
            "enabled": False,
            "products": None,
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    }


def save_default(tx: Tx) -> Obj:
    """Saves a default configuration with every feature, as saving the dashboard's portal settings does.

    Its products are the ten newest with recurring prices.
    """
    features = default_features()
    for name in ("invoice_history", "payment_method_update", "subscription_cancel", "subscription_pause"):
        features[name]["enabled"] = True
    features["customer_update"] = {"allowed_updates": ["name", "email", "address", "phone"], "enabled": True}
    features["subscription_cancel"]["cancellation_reason"]["enabled"] = True
    products = _active_products(tx)
    if products:
        features["subscription_update"] |= {
            "default_allowed_updates": ["price", "quantity"],
            "enabled": True,
            "products": products,
            "proration_behavior": "always_invoice",
        }
    found = tx.select("billing_portal.configuration", "json ->> '$.is_default'")
    if found:
        found[-1].update(features=features, active=True, updated=tx.now)
        return tx.save(found[-1], "billing_portal.configuration.updated")
    return tx.create(
        "billing_portal.configuration",
        "billing_portal.configuration.created",
        active=True,
        business_profile=dict.fromkeys(("headline", "privacy_policy_url", "terms_of_service_url")),
        features=features,
        is_default=True,
        login_page={"enabled": False, "url": None},
        metadata={},
        updated=tx.now,
    )


def _active_products(tx: Tx) -> list[Obj]:
    offered: dict[str, dict[tuple[str, str, int], str]] = {}
    for price in tx.select("price", "json ->> '$.active' AND json ->> '$.type' = 'recurring'"):
        product = tx.find(price["product"])
        if product is not None and product["active"]:
            recurring = price["recurring"]
            interval = (price["currency"], recurring["interval"], recurring["interval_count"])
            offered.setdefault(product["id"], {}).setdefault(interval, price["id"])
    return [
        {
            "product": product_id,
            "prices": list(prices.values()),
            "adjustable_quantity": {"enabled": True, "maximum": None, "minimum": 1},
        }
        for product_id, prices in list(offered.items())[-_MAX_PRODUCTS:]
    ]
