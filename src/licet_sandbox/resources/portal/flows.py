"""Flows of portal sessions: deep links to one step, and what follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.portal.portal_plans import PlanChoice, check_choice
from licet_sandbox.errors import StripeError, invalid
from licet_sandbox.kit.fields import web_address_of
from licet_sandbox.resources.catalogue.discounts import read_offer
from licet_sandbox.resources.catalogue.price_params import quantity_of

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# The feature that the configuration must enable for each flow.
_FEATURE_OF = {
    "customer_update": "customer_update",
    "payment_method_update": "payment_method_update",
    "subscription_cancel": "subscription_cancel",
    "subscription_pause": "subscription_pause",
    "subscription_update": "subscription_update",
    "subscription_update_confirm": "subscription_update",
}


def read_flow(tx: Tx, p: Params, customer: Obj, configuration: Obj) -> Obj | None:
    """The session's flow from `flow_data`, checked against customer and configuration; None if absent."""
    if "flow_data" not in p:
        return None
    given = p.sub("flow_data")
    kind = given.need("type")
    if not configuration["features"][_FEATURE_OF[kind]]["enabled"]:
        message = f"This configuration does not enable the feature `{_FEATURE_OF[kind]}` that the flow `{kind}` needs."
        raise invalid(message, param="flow_data[type]")
    flow: Obj = dict.fromkeys(_FEATURE_OF)
    del flow["payment_method_update"]
    for other in _FEATURE_OF:
        if other != kind and other in given:
            message = f"`flow_data[{other}]` can only be used with `flow_data[type]={other}`."
            raise invalid(message, param=given.name(other))
    if kind == "customer_update":
        flow[kind] = {}
    elif kind.startswith("subscription"):
        flow[kind] = _subscription_flow(tx, kind, given.sub(kind), customer, configuration)
    return {"type": kind, "after_completion": _after(given.sub("after_completion")), **flow}


def _subscription_flow(tx: Tx, kind: str, given: Params, customer: Obj, configuration: Obj) -> Obj:
    subscription = tx.named("subscription", given.need("subscription"), given.name("subscription"))
    if subscription["customer"] != customer["id"]:
        message = f"The subscription {subscription['id']} does not belong to the customer {customer['id']}."
        raise invalid(message, param=given.name("subscription"))
    if ended(subscription):
        raise invalid("This subscription has ended: it cannot be changed.", param=given.name("subscription"))
    made: Obj = {"subscription": subscription["id"]}
    if kind == "subscription_cancel":
        if subscription["cancel_at"] is not None:
            message = f"The subscription {subscription['id']} is already set to be canceled."
            raise invalid(message, param=given.name("subscription"))
        made["retention"] = _retention(tx, given.sub("retention"), subscription)
    if kind == "subscription_update_confirm":
        items = [_item(tx, given, one, subscription, configuration) for one in _items(given)]
        made |= {"discounts": _discounts(tx, given, subscription), "items": items}
    return made


def _retention(tx: Tx, given: Params, subscription: Obj) -> Obj | None:
    """The coupon to offer to a customer who is about to cancel."""
    if not given:
        return None
    offer = read_offer(
        tx, given.sub("coupon_offer"), currency=subscription["currency"], customer=subscription["customer"]
    )
    if offer is None:
        raise given.sub("coupon_offer").missing("coupon")
    return {"type": given.need("type"), "coupon_offer": {"coupon": offer.coupon["id"]}}


def _discounts(tx: Tx, given: Params, subscription: Obj) -> list[Obj] | None:
    """The coupon or promotion code of the change; at most one."""
    entries = given.subs("discounts")
    if len(entries) > 1:
        raise invalid("Give one coupon or promotion code.", param=given.name("discounts"))
    for entry in entries:
        if read_offer(tx, entry, currency=subscription["currency"], customer=subscription["customer"]) is None:
            raise entry.missing("coupon")
    return [{name: entry.text(name) for name in ("coupon", "promotion_code")} for entry in entries] or None


def _items(given: Params) -> list[Params]:
    items = given.subs("items")
    if len(items) != 1:
        raise given.missing("items") if not items else invalid("Give one item.", param=given.name("items"))
    return items


def _item(tx: Tx, given: Params, one: Params, subscription: Obj, configuration: Obj) -> Obj:
    item = next((each for each in subscription["items"]["data"] if each["id"] == one.need("id")), None)
    if item is None:
        raise invalid(f"No such subscription item: '{one.get('id')}'", param=one.name("id"), code="resource_missing")
    if len(subscription["items"]["data"]) > 1:
        raise invalid("Subscriptions with several items cannot be updated.", param=given.name("items"))
    price, quantity = one.text("price"), quantity_of(one, item["quantity"])
    offered = configuration["features"]["subscription_update"]["products"] or []
    if price is not None and not any(price in product["prices"] for product in offered):
        message = f"The price {price} is not among those of the configuration's `subscription_update` feature."
        raise invalid(message, param=one.name("price"))
    chosen = item["price"] if price is None else tx.named("price", price, one.name("price"))
    try:
        check_choice(tx, configuration["features"]["subscription_update"], subscription, PlanChoice(chosen, quantity))
    except StripeError as refusal:
        raise invalid(str(refusal), param=one.name(refusal.error.get("param", "id"))) from refusal
    return {"id": item["id"], "price": price, "quantity": quantity}


def _after(given: Params) -> Obj:
    kind = given.get("type", "portal_homepage")
    for other in ("redirect", "hosted_confirmation"):
        if other != kind and other in given:
            message = f"`{given.name(other)}` can only be used with `{given.name('type')}={other}`."
            raise invalid(message, param=given.name(other))
    redirect, confirmation = given.sub("redirect"), given.sub("hosted_confirmation")
    if kind == "redirect":
        redirect.need("return_url")
    return {
        "type": kind,
        "redirect": {"return_url": web_address_of(redirect, "return_url")} if kind == "redirect" else None,
        "hosted_confirmation": (
            {"custom_message": confirmation.text("custom_message")} if kind == "hosted_confirmation" else None
        ),
    }
