"""Applies a schedule phase to its subscription: items, trial, billing cycle, cancellation, settings.

A new item takes over the current period of an item with the same interval. Where that period ends now, the renewal in
this same second bills the new price, and nothing is prorated.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.schedules.phase_discounts import set_phase_discounts
from licet_sandbox.billing.schedules.phase_invoice_items import add_invoice_items
from licet_sandbox.billing.schedules.phases import current_phase_index, is_last
from licet_sandbox.billing.subscriptions import updates
from licet_sandbox.billing.subscriptions.cancel_at import clip_period_end
from licet_sandbox.billing.subscriptions.subscriptions import make_subscription_item
from licet_sandbox.billing.subscriptions.updates import BillingOptions

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def phase_choices(tx: Tx, phase: Obj) -> list[dict[str, Any]]:
    """The items of a phase as `make_subscription` takes them: price, quantity, metadata."""
    return [
        {
            "price": tx.get("price", item["price"]),
            "quantity": item["quantity"],
            "metadata": _merge_metadata({}, item["metadata"]),
        }
        for item in phase["items"]
    ]


def apply_settings(schedule: Obj, subscription: Obj, phase: Obj) -> None:
    """Applies metadata, card and description. What neither the phase nor the defaults set is unchanged."""
    subscription["metadata"] = _merge_metadata(subscription["metadata"], phase["metadata"])
    defaults = schedule["default_settings"]
    for name in ("default_payment_method", "description"):
        chosen = phase[name] if phase[name] is not None else defaults[name]
        if chosen is not None:
            subscription[name] = chosen
    settings = phase["invoice_settings"] or defaults["invoice_settings"]
    texts = {name: settings[name] for name in ("custom_fields", "description", "footer") if settings[name] is not None}
    subscription["invoice_settings"] = subscription["invoice_settings"] | texts


def apply_phase_discounts(tx: Tx, subscription: Obj, phase: Obj) -> None:
    """Applies the phase's discounts to the subscription and its items; the caller saves."""
    customer, subscription_id = subscription["customer"], subscription["id"]
    set_phase_discounts(tx, subscription, phase["discounts"], customer=customer, subscription=subscription_id)
    for wanted, item in zip(phase["items"], subscription["items"]["data"], strict=True):
        set_phase_discounts(tx, item, wanted["discounts"], customer=customer, subscription_item=item["id"])


def apply_phase(
    tx: Tx, schedule: Obj, subscription: Obj, phase: Obj, options: BillingOptions, *, entering: bool
) -> None:
    """Applies the phase to the subscription, which is saved, prorated and billed by these options.

    entering: the phase starts now, with its `add_invoice_items`; False: it was edited
    """
    before = copy.deepcopy(subscription)
    apply_settings(schedule, subscription, phase)
    subscription["items"] = subscription["items"] | {"data": _phase_items(tx, subscription, phase)}
    apply_phase_discounts(tx, subscription, phase)
    _apply_trial(tx, subscription, phase["trial_end"])
    set_cancel_at(tx, schedule, subscription)
    if entering:
        add_invoice_items(tx, subscription, phase)
    updates.apply_change(tx, subscription, before, options)


def billing_options_of(schedule: Obj, phase: Obj) -> BillingOptions:
    """The billing options of a phase that starts."""
    anchored = phase["billing_cycle_anchor"] or schedule["default_settings"]["billing_cycle_anchor"]
    anchor = "now" if anchored == "phase_start" else "automatic"
    return BillingOptions(proration_behavior=phase["proration_behavior"], anchor=anchor, off_session=True)


def _apply_trial(tx: Tx, subscription: Obj, trial_end: int | None) -> None:
    """Starts a trial, or ends it early; a trial that ends now is ended by the renewal."""
    if trial_end is not None and trial_end > tx.now:
        if subscription["status"] != "trialing":
            subscription |= {"status": "trialing", "trial_start": tx.now}
        if subscription["trial_end"] != trial_end:
            subscription["trial_end"] = trial_end
            subscription["_"] = {**subscription.get("_", {}), "warned": False}
    elif subscription["status"] == "trialing" and subscription["trial_end"] > tx.now:
        subscription |= {"status": "active", "trial_end": tx.now}


def set_cancel_at(tx: Tx, schedule: Obj, subscription: Obj) -> None:
    """Sets `cancel_at` in the last phase with `end_behavior=cancel`, else clears it."""
    current = current_phase_index(schedule)
    ends = current is not None and is_last(schedule, schedule["phases"][current])
    if ends and schedule["end_behavior"] == "cancel":
        subscription["cancel_at"] = schedule["phases"][-1]["end_date"]
        subscription["canceled_at"] = subscription["canceled_at"] or tx.now
    else:
        clear_cancellation(subscription)


def clear_cancellation(subscription: Obj) -> None:
    """Clears a scheduled cancellation."""
    subscription |= {"cancel_at": None, "canceled_at": None, "cancel_at_period_end": False}


def _phase_items(tx: Tx, subscription: Obj, phase: Obj) -> list[Obj]:
    """The items of the phase: one with an unchanged price keeps its id, the others are new."""
    present, items = list(subscription["items"]["data"]), []
    for choice in phase_choices(tx, phase):
        same = next((item for item in present if item["price"]["id"] == choice["price"]["id"]), None)
        if same is None:
            items.append(_new_item(tx, subscription, choice))
            continue
        present.remove(same)
        items.append(same | {"quantity": choice["quantity"], "metadata": {**same["metadata"], **choice["metadata"]}})
    return items


def _new_item(tx: Tx, subscription: Obj, choice: dict[str, Any]) -> Obj:
    """A new item in the current period of one with the same interval, else in a period from now on."""
    item = make_subscription_item(tx, subscription["id"], choice, tx.now, subscription["billing_cycle_anchor"])
    like = [other for other in subscription["items"]["data"] if _interval(other) == _interval(item)]
    if like:
        item |= {key: like[0][key] for key in ("current_period_start", "current_period_end")}
    item["current_period_end"] = clip_period_end(subscription, item["current_period_end"])
    return item


def _interval(item: Obj) -> tuple[str, int]:
    recurring = item["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def _merge_metadata(present: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """Sets keys with a value and removes keys with an empty one."""
    return {key: value for key, value in {**present, **given}.items() if value != ""}
