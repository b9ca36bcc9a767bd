"""What a phase of a schedule does to its subscription: items, trial, billing cycle, and what else it sets.

The changes are made so that the renewal which falls due in the same second bills them: items whose period ends now
are renewed now, with the prices that they have then.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.subscriptions import make_item

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


def take_on(tx: Tx, schedule: Obj, subscription: Obj, phase: Obj, *, entering: bool) -> None:
    """Make the subscription what the phase says; the caller saves. entering: the phase begins now, it is not edited."""
    dress(schedule, subscription, phase)
    items = subscription["items"]["data"]
    before = copy.deepcopy(items)
    items[:] = _turned(tx, subscription, phase)
    anchored = phase["billing_cycle_anchor"] or schedule["default_settings"]["billing_cycle_anchor"]
    if phase["trial_end"] is not None and phase["trial_end"] > tx.now:
        _try_out(tx, subscription, phase["trial_end"])
    elif (
        subscription["status"] == "trialing"
        or (entering and anchored == "phase_start")
        or not _share_interval(before, items)
    ):
        _start_afresh(tx, subscription)


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
    return item


def _share_interval(before: list[Obj], after: list[Obj]) -> bool:
    return bool({_interval(item) for item in before} & {_interval(item) for item in after})


def _interval(item: Obj) -> tuple[str, int]:
    recurring = item["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def _try_out(tx: Tx, subscription: Obj, trial_end: int) -> None:
    if subscription["status"] != "trialing":
        subscription |= {"status": "trialing", "trial_start": tx.now}
    subscription |= {"trial_end": trial_end, "billing_cycle_anchor": trial_end}
    for item in subscription["items"]["data"]:
        item |= {"current_period_start": subscription["trial_start"], "current_period_end": trial_end}


def _start_afresh(tx: Tx, subscription: Obj) -> None:
    """A new billing cycle from now on: what runs ends now, and the renewal of this second bills the rest."""
    subscription["billing_cycle_anchor"] = tx.now
    if subscription["status"] == "trialing":
        subscription["trial_end"] = tx.now
    earliest = min(item["current_period_start"] for item in subscription["items"]["data"])
    for item in subscription["items"]["data"]:
        item |= {"current_period_start": min(earliest, tx.now), "current_period_end": tx.now}


def _merged(present: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """Keys with a value are set, keys with an empty one removed."""
    return {key: value for key, value in {**present, **given}.items() if value != ""}
