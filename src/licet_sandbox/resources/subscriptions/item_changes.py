"""Adds, changes and removes items of a subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.discounts.discounts import delete_discount
from licet_sandbox.billing.invoices.lines import amount_of
from licet_sandbox.billing.subscriptions.cancel_at import clip_period_end
from licet_sandbox.billing.subscriptions.subscriptions import make_subscription_item
from licet_sandbox.errors import invalid
from licet_sandbox.kit.currencies import check_maximum
from licet_sandbox.kit.fields import merge_metadata, metadata_of
from licet_sandbox.resources.catalogue.discounts import DiscountContext, set_discounts
from licet_sandbox.resources.catalogue.price_params import check_recurring, chosen_price, quantity_of, required_price

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_MAX_ITEMS = 20
_PERIOD = ("current_period_start", "current_period_end")


def change_items(tx: Tx, subscription: Obj, p: Params) -> None:
    """Apply the entries of `items` in order."""
    for change in p.subs("items"):
        _change(tx, subscription, change)
    check_items(subscription)


def _change(tx: Tx, subscription: Obj, p: Params) -> None:
    item_id = p.text("id")
    if item_id is None:
        if p.get("deleted", False):
            raise p.missing("id")
        add_item(tx, subscription, p)
        return
    item = next((candidate for candidate in subscription["items"]["data"] if candidate["id"] == item_id), None)
    if item is None:
        raise invalid(f"No such subscription item: '{item_id}'", param=p.name("id"), code="resource_missing")
    if p.get("deleted", False):
        remove_item(tx, subscription, item, p)
    else:
        change_item(tx, subscription, item, p)


def add_item(tx: Tx, subscription: Obj, p: Params) -> Obj:
    """Add an item. It shares the period of an item with the same interval, else starts one now."""
    price = required_price(tx, p)
    check_recurring(price, p, subscription["currency"])
    item = _make(tx, subscription, price, quantity_of(p), metadata_of(p))
    _check_new(subscription, price, p)
    _discount(tx, subscription, item, p)
    subscription["items"]["data"].append(item)
    return item


def remove_item(tx: Tx, subscription: Obj, item: Obj, p: Params) -> None:
    """Remove an item and its discounts."""
    p.refuse("clear_usage", False)
    subscription["items"]["data"].remove(item)
    for discount_id in item["discounts"]:
        delete_discount(tx, discount_id)


def _discount(tx: Tx, subscription: Obj, item: Obj, p: Params) -> None:
    use = DiscountContext(
        subscription["customer"], subscription["currency"], amount_of(item["price"], item["quantity"])
    )
    set_discounts(tx, item, p, use, ancestors=subscription["discounts"], subscription_item=item["id"])


def change_item(tx: Tx, subscription: Obj, item: Obj, p: Params) -> None:
    """Change the price, quantity or metadata. With a new price, the quantity is 1 unless given."""
    price = chosen_price(tx, p)
    if price is not None and price["id"] != item["price"]["id"]:
        check_recurring(price, p, subscription["currency"])
        _check_new(subscription, price, p)
        made = _make(tx, subscription, price, quantity_of(p), item["metadata"])
        if price["recurring"] == item["price"]["recurring"]:
            made |= {key: item[key] for key in _PERIOD}
        item |= {key: value for key, value in made.items() if key not in {"id", "created", "discounts"}}
    elif "quantity" in p:
        item["quantity"] = quantity_of(p)
    _discount(tx, subscription, item, p)
    merge_metadata(item, p)


def _make(tx: Tx, subscription: Obj, price: Obj, quantity: int, metadata: dict[str, str]) -> Obj:
    trial_end = subscription["trial_end"] if subscription["status"] == "trialing" else None
    choice = {"price": price, "quantity": quantity, "metadata": metadata}
    anchor = subscription["billing_cycle_anchor"]
    item = make_subscription_item(tx, subscription["id"], choice, tx.now, anchor, trial_end=trial_end)
    like = [each for each in subscription["items"]["data"] if each["price"]["recurring"] == price["recurring"]]
    if like:
        item |= {key: like[0][key] for key in _PERIOD}
    item["current_period_end"] = clip_period_end(subscription, item["current_period_end"])
    return item


def _check_new(subscription: Obj, price: Obj, p: Params) -> None:
    for other in subscription["items"]["data"]:
        if other["price"]["id"] == price["id"]:
            message = f"Existing Subscription Item `{other['id']}` is already using that Price `{price['id']}`."
            raise invalid(message, param=p.name("price"))


def check_items(subscription: Obj) -> None:
    """400 unless there are 1 to 20 items with a sum that can be charged.

    In classic billing mode all must have the same interval.
    """
    items = subscription["items"]["data"]
    if not items:
        raise invalid("A subscription must have at least one active item.", param="items")
    if len(items) > _MAX_ITEMS:
        raise invalid(f"A subscription can have at most {_MAX_ITEMS} items.", param="items")
    check_maximum(sum(amount_of(item["price"], item["quantity"]) for item in items), subscription["currency"], "items")
    intervals = {
        (item["price"]["recurring"]["interval"], item["price"]["recurring"]["interval_count"]) for item in items
    }
    if len(intervals) > 1 and subscription["billing_mode"]["type"] == "classic":
        message = (
            "With `billing_mode[type]=classic` all prices of a subscription must have the same `interval` and"
            " `interval_count`."
        )
        raise invalid(message, param="items")
