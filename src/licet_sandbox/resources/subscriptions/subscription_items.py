"""Subscription items: create, update, delete."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import pending_updates
from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.schedules.direct_changes import sync_schedule
from licet_sandbox.billing.subscriptions import updates
from licet_sandbox.errors import invalid, not_found
from licet_sandbox.kit.lists import slice_page
from licet_sandbox.resources.subscriptions.item_changes import add_item, change_item, check_items, remove_item
from licet_sandbox.resources.subscriptions.proration_params import check_changeable, read_terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_MESSAGE = "You cannot change the items of a subscription that has ended."


def create(tx: Tx, p: Params) -> Obj:
    """Add an item to a subscription."""
    subscription = tx.named("subscription", p.need("subscription"), "subscription")
    item_id = ""

    def add() -> None:
        nonlocal item_id
        item_id = add_item(tx, subscription, p)["id"]

    _change(tx, subscription, p, add)
    return _current_item(subscription, item_id)


def update(tx: Tx, p: Params, item_id: str) -> Obj:
    """Update the price, quantity or metadata of an item."""
    subscription, item = _find(tx, item_id)
    _change(tx, subscription, p, lambda: change_item(tx, subscription, item, p))
    return _current_item(subscription, item_id)


def delete(tx: Tx, p: Params, item_id: str) -> Obj:
    """Delete an item. The last one cannot be deleted: cancel the subscription instead."""
    subscription, item = _find(tx, item_id)
    _change(tx, subscription, p, lambda: remove_item(tx, subscription, item, p))
    return {"id": item_id, "object": "subscription_item", "deleted": True}


def retrieve(tx: Tx, _: Params, item_id: str) -> Obj:
    """Retrieve an item."""
    return _find(tx, item_id)[1]


def list_all(tx: Tx, p: Params) -> Obj:
    """List the items of a subscription."""
    subscription = tx.named("subscription", p.need("subscription"), "subscription")
    return slice_page(p, subscription["items"]["data"], "/v1/subscription_items")


def _change(tx: Tx, subscription: Obj, p: Params, edit: Callable[[], None]) -> None:
    if ended(subscription):
        raise invalid(_MESSAGE)
    check_changeable(subscription)
    pending_updates.discard_update(tx, subscription)
    before = copy.deepcopy(subscription)
    how = read_terms(subscription, p)
    p.refuse("tax_rates", "", [])
    p.refuse("billing_thresholds", "")
    edit()
    check_items(subscription)
    updates.apply_change(tx, subscription, before, how)
    sync_schedule(tx, subscription)


def _find(tx: Tx, item_id: str) -> tuple[Obj, Obj]:
    """The subscription with this item, and the item."""
    subscription = tx.find_subscription_of_item(item_id)
    if subscription is None:
        raise not_found("subscription_item", item_id, param="item")
    return subscription, next(item for item in subscription["items"]["data"] if item["id"] == item_id)


def _current_item(subscription: Obj, item_id: str) -> Obj:
    """The item as it is now, or as it will be after a pending update."""
    pending = (subscription["pending_update"] or {}).get("subscription_items") or []
    return next(item for item in [*subscription["items"]["data"], *pending] if item["id"] == item_id)
