"""Portal configurations: what a customer may do in the hosted portal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.portal.portal_configurations import default_features
from licet_sandbox.errors import invalid, unsupported
from licet_sandbox.kit.fields import merge_metadata, metadata_of, web_address_of
from licet_sandbox.kit.lists import page, same
from licet_sandbox.resources.catalogue.prices import interval_of
from licet_sandbox.resources.portal.products import read_products

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_PROFILE = ("headline", "privacy_policy_url", "terms_of_service_url")


def create(tx: Tx, p: Params) -> Obj:
    """Create a configuration. A session uses it if it names it."""
    if "features" not in p:
        raise p.missing("features")
    configuration = tx.new(
        "billing_portal.configuration",
        active=True,
        business_profile=dict.fromkeys(_PROFILE),
        features=default_features(),
        is_default=False,
        login_page={"enabled": False, "url": None},
        metadata=metadata_of(p),
        updated=tx.now,
    )
    _set(tx, configuration, p)
    return tx.insert(configuration, "billing_portal.configuration.created")


def update(tx: Tx, p: Params, configuration_id: str) -> Obj:
    """Update a configuration; absent parameters change nothing."""
    configuration = tx.get("billing_portal.configuration", configuration_id)
    if "active" in p:
        if configuration["is_default"] and not p.get("active"):
            raise invalid("You cannot deactivate the default configuration.", param="active")
        configuration["active"] = p.get("active")
    _set(tx, configuration, p)
    merge_metadata(configuration, p)
    configuration["updated"] = tx.now
    return tx.save(configuration, "billing_portal.configuration.updated")


def retrieve(tx: Tx, _: Params, configuration_id: str) -> Obj:
    """Retrieve a configuration."""
    return tx.get("billing_portal.configuration", configuration_id)


def list_all(tx: Tx, p: Params) -> Obj:
    """List configurations, newest first."""
    url = "/v1/billing_portal/configurations"
    return page(tx, p, "billing_portal.configuration", url, same(p, "active", "is_default"))


def _set(tx: Tx, configuration: Obj, p: Params) -> None:
    if "name" in p:
        configuration["name"] = p.text("name")
    if "default_return_url" in p:
        configuration["default_return_url"] = web_address_of(p, "default_return_url")
    profile = p.sub("business_profile")
    for name in _PROFILE:
        if name in profile:
            text = profile.text(name) if name == "headline" else web_address_of(profile, name)
            configuration["business_profile"][name] = text
    # A login page would have to send emails.
    p.sub("login_page").refuse("enabled", False)
    features, given = configuration["features"], p.sub("features")
    _set_customer_update(features["customer_update"], given.sub("customer_update"))
    _set_flags(features, given)
    _set_cancel(features["subscription_cancel"], given.sub("subscription_cancel"))
    _set_pause(features["subscription_pause"], given.sub("subscription_pause"))
    _set_update(tx, features["subscription_update"], given.sub("subscription_update"))


def _set_flags(features: Obj, given: Params) -> None:
    for name in ("invoice_history", "payment_method_update"):
        if name in given:
            features[name]["enabled"] = given.sub(name).need("enabled")
    given.sub("payment_method_update").refuse("payment_method_configuration", "")


def _set_customer_update(feature: Obj, given: Params) -> None:
    if "allowed_updates" in given:
        feature["allowed_updates"] = given.get("allowed_updates") or []
        if "tax_id" in feature["allowed_updates"]:
            raise unsupported("tax IDs of customers", param=given.name("allowed_updates"))
    feature["enabled"] = given.get("enabled", feature["enabled"])
    if feature["enabled"] and not feature["allowed_updates"]:
        raise given.missing("allowed_updates")


def _set_cancel(feature: Obj, given: Params) -> None:
    feature["enabled"] = given.get("enabled", feature["enabled"])
    feature["mode"] = given.get("mode", feature["mode"])
    behavior = given.get("proration_behavior", feature["proration_behavior"])
    if behavior == "always_invoice" or (behavior != "none" and feature["mode"] != "immediately"):
        message = "`proration_behavior` must be `none`, or `create_prorations` together with `mode=immediately`."
        raise invalid(message, param=given.name("proration_behavior"))
    feature["proration_behavior"] = behavior
    reason = given.sub("cancellation_reason")
    reason.refuse("feedback_options", "", [])
    current = feature["cancellation_reason"]
    if "options" in reason:
        current["options"] = reason.get("options") or []
    current["enabled"] = reason.get("enabled", current["enabled"])
    if current["enabled"] and not current["options"]:
        raise reason.missing("options")


def _set_pause(feature: Obj, given: Params) -> None:
    feature["enabled"] = given.get("enabled", feature["enabled"])
    duration = given.sub("duration")
    if not duration:
        return
    kind = duration.get("type", feature["duration"]["type"])
    options = [interval_of(option) for option in duration.subs("interval_options")]
    if kind == "interval_options" and not options:
        raise duration.missing("interval_options")
    feature["duration"] = {"type": kind, "interval_options": options}


def _set_update(tx: Tx, feature: Obj, given: Params) -> None:
    for name in ("billing_cycle_anchor", "proration_behavior", "trial_update_behavior"):
        if name in given:
            feature[name] = given.get(name)
    if "default_allowed_updates" in given:
        feature["default_allowed_updates"] = given.get("default_allowed_updates") or []
    if "products" in given:
        feature["products"] = read_products(tx, given) or None
    conditions = given.sub("schedule_at_period_end").subs("conditions")
    if "schedule_at_period_end" in given:
        feature["schedule_at_period_end"] = {"conditions": [{"type": one.need("type")} for one in conditions]}
    feature["enabled"] = given.get("enabled", feature["enabled"])
    if feature["enabled"]:
        for name in ("default_allowed_updates", "products"):
            if not feature.get(name):
                raise given.missing(name)
