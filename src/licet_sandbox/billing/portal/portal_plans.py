"""Which plans and quantities a customer may choose in the portal, and which changes wait for the period's end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from licet_sandbox.billing.invoices.lines import amount_of
from licet_sandbox.billing.schedules import subscription_schedules
from licet_sandbox.billing.schedules.phases import lasts_until
from licet_sandbox.billing.subscriptions.updates import How
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_CHANGEABLE = ("active", "trialing", "past_due")
# Near enough to say which of two intervals is the shorter.
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}


@dataclass(frozen=True)
class Choice:
    """What the customer wants: so many of a price.

    discounts: coupons and promotion codes, as the API's parameter names them
    at: the moment that prorations count from, in epoch seconds; None: now
    """

    price: Obj
    quantity: int
    discounts: tuple[Obj, ...] = ()
    at: int | None = None


def item_of(subscription: Obj) -> Obj:
    """The one item of a subscription that can be changed in the portal."""
    item: Obj = subscription["items"]["data"][0]
    return item


def may_change(subscription: Obj) -> bool:
    """Only what bills one thing and runs on; neither what is to end nor what a schedule manages."""
    return (
        subscription["status"] in _CHANGEABLE
        and len(subscription["items"]["data"]) == 1
        and subscription["cancel_at"] is None
        and subscription["schedule"] is None
    )


def plans(tx: Tx, feature: Obj, subscription: Obj) -> list[Obj]:
    """The prices to choose from, the present one among them."""
    present = item_of(subscription)["price"]
    if "price" not in feature["default_allowed_updates"]:
        return [present]
    offered = [tx.find(price_id) for product in feature["products"] or [] for price_id in product["prices"]]
    found = [price for price in offered if price is not None and _on_sale(tx, price, subscription["currency"])]
    return found if any(price["id"] == present["id"] for price in found) else [present, *found]


def _on_sale(tx: Tx, price: Obj, currency: str) -> bool:
    product = tx.find(price["product"])
    return bool(price["active"] and price["currency"] == currency and product is not None and product["active"])


def quantities(feature: Obj, price: Obj) -> tuple[int, int | None] | None:
    """The least and the most (None: no most) that can be chosen of a price; None where it stays as it is."""
    if "quantity" not in feature["default_allowed_updates"]:
        return None
    offered = next((one for one in feature["products"] or [] if one["product"] == price["product"]), None)
    if offered is None or not offered["adjustable_quantity"]["enabled"]:
        return None
    return offered["adjustable_quantity"]["minimum"], offered["adjustable_quantity"]["maximum"]


def check_choice(tx: Tx, feature: Obj, subscription: Obj, choice: Choice) -> None:
    """400 for a plan or a quantity that the configuration does not offer; 403 where nothing may be changed."""
    if not may_change(subscription):
        raise invalid("This subscription cannot be changed here.", status=403)
    if choice.price["id"] not in {price["id"] for price in plans(tx, feature, subscription)}:
        raise invalid("This plan is not on offer.", param="price")
    if choice.quantity == item_of(subscription)["quantity"]:
        return
    bounds = quantities(feature, choice.price)
    if bounds is None:
        raise invalid("The quantity of this plan cannot be changed.", param="quantity")
    least, most = bounds
    if choice.quantity < least or (most is not None and choice.quantity > most):
        words = f"at least {least}" if most is None else f"from {least} to {most}"
        raise invalid(f"The quantity must be {words}.", param="quantity")


def is_present(subscription: Obj, choice: Choice) -> bool:
    """Is it what the subscription bills already?"""
    item = item_of(subscription)
    return bool(item["price"]["id"] == choice.price["id"] and item["quantity"] == choice.quantity)


def waits(feature: Obj, subscription: Obj, choice: Choice) -> bool:
    """Does the configuration want this change at the end of the period? During a trial nothing was paid: never."""
    if subscription["status"] == "trialing":
        return False
    item = item_of(subscription)
    met = {
        "decreasing_item_amount": amount_of(choice.price, choice.quantity) < amount_of(item["price"], item["quantity"]),
        "shortening_interval": _length(choice.price) < _length(item["price"]),
    }
    return any(met[condition["type"]] for condition in feature["schedule_at_period_end"]["conditions"])


def _length(price: Obj) -> int:
    recurring = price["recurring"]
    return int(_DAYS[recurring["interval"]] * recurring["interval_count"])


def change_later(tx: Tx, subscription: Obj, choice: Choice) -> None:
    """A schedule around the subscription, whose second phase bills the choice; then it lets the subscription go."""
    schedule = subscription_schedules.wrap(tx, subscription)
    schedule["_"] = {"portal": True}
    present = schedule["phases"][0]
    (item,) = present["items"]
    wanted = {"plan": choice.price["id"], "price": choice.price["id"], "quantity": choice.quantity}
    start, recurring = present["end_date"], choice.price["recurring"]
    end = lasts_until(subscription["billing_cycle_anchor"], start, recurring["interval"], recurring["interval_count"])
    following = {"start_date": start, "end_date": end, "items": [item | wanted], "proration_behavior": "none"}
    schedule["phases"] = [present, present | following]
    subscription_schedules.take_over(tx, schedule, How(proration_behavior="none", off_session=True), edited=False)


def planned(tx: Tx, subscription: Obj) -> Obj | None:
    """The phase of a change that was made in the portal and waits for the period's end, or None."""
    schedule = None if subscription["schedule"] is None else tx.get("subscription_schedule", subscription["schedule"])
    if schedule is None or "portal" not in schedule.get("_", {}):
        return None
    phase: Obj = schedule["phases"][-1]
    return phase if phase["start_date"] > tx.now else None
