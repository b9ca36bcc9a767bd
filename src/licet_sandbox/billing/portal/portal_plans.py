"""Prices and quantities to choose from in the portal, and changes at the period's end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from licet_sandbox.billing.invoices.lines import amount_of
from licet_sandbox.billing.schedules import subscription_schedules
from licet_sandbox.billing.schedules.phases import phase_end
from licet_sandbox.billing.subscriptions.updates import BillingOptions
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_CHANGEABLE = ("active", "trialing", "past_due")
# Precise enough to say which of two intervals is shorter.
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}


@dataclass(frozen=True)
class PlanChoice:
    """A price and a quantity that the customer chose.

    discounts: coupons and promotion codes, as in the API's parameter
    at: the time that prorations count from, in epoch seconds; None: now
    """

    price: Obj
    quantity: int
    discounts: tuple[Obj, ...] = ()
    at: int | None = None


def only_item(subscription: Obj) -> Obj:
    """The only item of a subscription. A subscription that can be changed in the portal has one item."""
    item: Obj = subscription["items"]["data"][0]
    return item


def can_change(subscription: Obj) -> bool:
    """True if the subscription can be changed in the portal.

    It must have a single item, no scheduled cancellation and no schedule.
    """
    return (
        subscription["status"] in _CHANGEABLE
        and len(subscription["items"]["data"]) == 1
        and subscription["cancel_at"] is None
        and subscription["schedule"] is None
    )


def available_prices(tx: Tx, feature: Obj, subscription: Obj) -> list[Obj]:
    """The prices to choose from, including the current one."""
    present = only_item(subscription)["price"]
    if "price" not in feature["default_allowed_updates"]:
        return [present]
    offered = [tx.find(price_id) for product in feature["products"] or [] for price_id in product["prices"]]
    found = [price for price in offered if price is not None and _is_available(tx, price, subscription["currency"])]
    return found if any(price["id"] == present["id"] for price in found) else [present, *found]


def _is_available(tx: Tx, price: Obj, currency: str) -> bool:
    product = tx.find(price["product"])
    return bool(price["active"] and price["currency"] == currency and product is not None and product["active"])


def quantity_bounds(feature: Obj, price: Obj) -> tuple[int, int | None] | None:
    """The minimum and maximum quantity of a price (None: no maximum); None if it is not adjustable."""
    if "quantity" not in feature["default_allowed_updates"]:
        return None
    offered = next((product for product in feature["products"] or [] if product["product"] == price["product"]), None)
    if offered is None or not offered["adjustable_quantity"]["enabled"]:
        return None
    return offered["adjustable_quantity"]["minimum"], offered["adjustable_quantity"]["maximum"]


def check_choice(tx: Tx, feature: Obj, subscription: Obj, choice: PlanChoice) -> None:
    """Raises a 400 for a price or a quantity that the configuration does not offer.

    403 if the subscription cannot be changed.
    """
    if not can_change(subscription):
        raise invalid("This subscription cannot be changed here.", status=403)
    if choice.price["id"] not in {price["id"] for price in available_prices(tx, feature, subscription)}:
        raise invalid("This plan is not on offer.", param="price")
    if choice.quantity == only_item(subscription)["quantity"]:
        return
    bounds = quantity_bounds(feature, choice.price)
    if bounds is None:
        raise invalid("The quantity of this plan cannot be changed.", param="quantity")
    least, most = bounds
    if choice.quantity < least or (most is not None and choice.quantity > most):
        words = f"at least {least}" if most is None else f"from {least} to {most}"
        raise invalid(f"The quantity must be {words}.", param="quantity")


def is_current_plan(subscription: Obj, choice: PlanChoice) -> bool:
    """True if the subscription already has this price and quantity."""
    item = only_item(subscription)
    return bool(item["price"]["id"] == choice.price["id"] and item["quantity"] == choice.quantity)


def waits_for_period_end(feature: Obj, subscription: Obj, choice: PlanChoice) -> bool:
    """True if the configuration schedules this change for the end of the period.

    Never during a trial, because nothing was paid.
    """
    if subscription["status"] == "trialing":
        return False
    item = only_item(subscription)
    met = {
        "decreasing_item_amount": amount_of(choice.price, choice.quantity) < amount_of(item["price"], item["quantity"]),
        "shortening_interval": _length(choice.price) < _length(item["price"]),
    }
    return any(met[condition["type"]] for condition in feature["schedule_at_period_end"]["conditions"])


def _length(price: Obj) -> int:
    recurring = price["recurring"]
    return int(_DAYS[recurring["interval"]] * recurring["interval_count"])


def schedule_change(tx: Tx, subscription: Obj, choice: PlanChoice) -> None:
    """Schedules the choice for the end of the period.

    Creates a schedule from the subscription with a second phase, after which it releases the subscription.
    """
    schedule = subscription_schedules.create_from_subscription(tx, subscription)
    schedule["_"] = {"portal": True}
    present = schedule["phases"][0]
    (item,) = present["items"]
    chosen = {"plan": choice.price["id"], "price": choice.price["id"], "quantity": choice.quantity}
    start, recurring = present["end_date"], choice.price["recurring"]
    end = phase_end(subscription["billing_cycle_anchor"], start, recurring["interval"], recurring["interval_count"])
    following = {"start_date": start, "end_date": end, "items": [item | chosen], "proration_behavior": "none"}
    schedule["phases"] = [present, present | following]
    subscription_schedules.apply_schedule_update(
        tx, schedule, BillingOptions(proration_behavior="none", off_session=True), edited=False
    )


def pending_change(tx: Tx, subscription: Obj) -> Obj | None:
    """The phase of a portal change that is scheduled for the end of the period, or None."""
    schedule = None if subscription["schedule"] is None else tx.get("subscription_schedule", subscription["schedule"])
    if schedule is None or "portal" not in schedule.get("_", {}):
        return None
    phase: Obj = schedule["phases"][-1]
    return phase if phase["start_date"] > tx.now else None
