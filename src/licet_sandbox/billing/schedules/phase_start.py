"""What a phase of a schedule does to its subscription: items, trial, billing cycle, end, and what else it sets.

An item that is new takes over the period of one that is billed as often: where that ends now, the renewal of this very
second bills the new price, and nothing is prorated.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.schedules.phase_discounts import put_on
from licet_sandbox.billing.schedules.phase_extras import sell
from licet_sandbox.billing.schedules.phases import current_of, is_last
from licet_sandbox.billing.subscriptions import updates
from licet_sandbox.billing.subscriptions.cancel_at import clip
from licet_sandbox.billing.subscriptions.subscriptions import make_item
from licet_sandbox.billing.subscriptions.updates import How

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def chosen_of(tx: Tx, phase: Obj) -> list[dict[str, Any]]:
    """The phase's items as `make_subscription` wants them: price, quantity, metadata."""
    return [
        {
            "price": tx.get("price", item["price"]),
            "quantity": item["quantity"],
            "metadata": _merged({}, item["metadata"]),
        }
        for item in phase["items"]
    ]


def dress(schedule: Obj, subscription: Obj, phase: Obj) -> None:
    """What is not billing: metadata, card, description. What neither phase nor defaults name stays as it is."""
    subscription["metadata"] = _merged(subscription["metadata"], phase["metadata"])
    defaults = schedule["default_settings"]
    for name in ("default_payment_method", "description"):
        chosen = phase[name] if phase[name] is not None else defaults[name]
        if chosen is not None:
            subscription[name] = chosen
    shown = phase["invoice_settings"] or defaults["invoice_settings"]
    said = {name: shown[name] for name in ("custom_fields", "description", "footer") if shown[name] is not None}
    subscription["invoice_settings"] = subscription["invoice_settings"] | said


def discount(tx: Tx, subscription: Obj, phase: Obj) -> None:
    """The phase's discounts, on the subscription and on its items; the caller saves."""
    customer, subscription_id = subscription["customer"], subscription["id"]
    put_on(tx, subscription, phase["discounts"], customer=customer, subscription=subscription_id)
    for wanted, item in zip(phase["items"], subscription["items"]["data"], strict=True):
        put_on(tx, item, wanted["discounts"], customer=customer, subscription_item=item["id"])


def take_on(tx: Tx, schedule: Obj, subscription: Obj, phase: Obj, how: How, *, entering: bool) -> None:
    """Make the subscription what the phase says: saved, prorated and billed as `how` has it.

    entering: the phase begins now, with what it sells once; it is not merely edited.
    """
    before = copy.deepcopy(subscription)
    dress(schedule, subscription, phase)
    subscription["items"] = subscription["items"] | {"data": _turned(tx, subscription, phase)}
    discount(tx, subscription, phase)
    _try_out(tx, subscription, phase["trial_end"])
    set_end(tx, schedule, subscription)
    if entering:
        sell(tx, subscription, phase)
    updates.apply(tx, subscription, before, how)


def how_to_enter(schedule: Obj, phase: Obj) -> How:
    """As the phase itself wants to be billed when it begins."""
    anchored = phase["billing_cycle_anchor"] or schedule["default_settings"]["billing_cycle_anchor"]
    anchor = "now" if anchored == "phase_start" else "automatic"
    return How(proration_behavior=phase["proration_behavior"], anchor=anchor, off_session=True)


def _try_out(tx: Tx, subscription: Obj, trial_end: int | None) -> None:
    """Into a trial, or out of one before its end; one that ends now is left by the renewal."""
    if trial_end is not None and trial_end > tx.now:
        if subscription["status"] != "trialing":
            subscription |= {"status": "trialing", "trial_start": tx.now}
        if subscription["trial_end"] != trial_end:
            subscription["trial_end"] = trial_end
            subscription["_"] = {**subscription.get("_", {}), "warned": False}
    elif subscription["status"] == "trialing" and subscription["trial_end"] > tx.now:
        subscription |= {"status": "active", "trial_end": tx.now}


def set_end(tx: Tx, schedule: Obj, subscription: Obj) -> None:
    """With `end_behavior=cancel` the last phase gives the subscription its `cancel_at`; until then there is none."""
    current = current_of(schedule)
    ends = current is not None and is_last(schedule, schedule["phases"][current])
    if ends and schedule["end_behavior"] == "cancel":
        subscription["cancel_at"] = schedule["phases"][-1]["end_date"]
        subscription["canceled_at"] = subscription["canceled_at"] or tx.now
    else:
        clear_end(subscription)


def clear_end(subscription: Obj) -> None:
    """It goes on without an end in sight."""
    subscription |= {"cancel_at": None, "canceled_at": None, "cancel_at_period_end": False}


def _turned(tx: Tx, subscription: Obj, phase: Obj) -> list[Obj]:
    """The phase's items: one whose price stays keeps its id, the others are new."""
    present, turned = list(subscription["items"]["data"]), []
    for choice in chosen_of(tx, phase):
        same = next((item for item in present if item["price"]["id"] == choice["price"]["id"]), None)
        if same is None:
            turned.append(_new_item(tx, subscription, choice))
            continue
        present.remove(same)
        turned.append(same | {"quantity": choice["quantity"], "metadata": {**same["metadata"], **choice["metadata"]}})
    return turned


def _new_item(tx: Tx, subscription: Obj, choice: dict[str, Any]) -> Obj:
    """In the period of an item that is billed as often, else in one from now on."""
    item = make_item(tx, subscription["id"], choice, tx.now, subscription["billing_cycle_anchor"])
    like = [other for other in subscription["items"]["data"] if _interval(other) == _interval(item)]
    if like:
        item |= {key: like[0][key] for key in ("current_period_start", "current_period_end")}
    item["current_period_end"] = clip(subscription, item["current_period_end"])
    return item


def _interval(item: Obj) -> tuple[str, int]:
    recurring = item["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def _merged(present: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """Keys with a value are set, keys with an empty one removed."""
    return {key: value for key, value in {**present, **given}.items() if value != ""}
