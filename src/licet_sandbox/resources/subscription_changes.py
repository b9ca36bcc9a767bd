"""What may change on a subscription: its end, its items, its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.subscriptions import make_item
from licet_sandbox.errors import invalid, unsupported
from licet_sandbox.kit.fields import merge_metadata, metadata_of
from licet_sandbox.resources.checkout_lines import check_active

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def schedule_end(tx: Tx, subscription: Obj, p: Params) -> None:
    """`cancel_at_period_end` and `cancel_at`: let it end later, or take that back."""
    _check_unmanaged(subscription, p)
    at_period_end, cancel_at = p.get("cancel_at_period_end"), p.get("cancel_at")
    if at_period_end and cancel_at not in (None, ""):
        message = "You may only specify one of `cancel_at_period_end` and `cancel_at`."
        raise invalid(message, param="cancel_at", code="parameters_exclusive")
    if at_period_end:
        if not subscription["cancel_at_period_end"]:
            _set_end(tx, subscription, _period_end(subscription, min), at_period_end=True)
    elif cancel_at not in (None, ""):
        _set_end(tx, subscription, _moment(tx, subscription, cancel_at), at_period_end=False)
    elif cancel_at == "" or at_period_end is False:
        _clear_end(subscription)


def _check_unmanaged(subscription: Obj, p: Params) -> None:
    for name in ("cancel_at", "cancel_at_period_end"):
        if subscription["schedule"] is not None and name in p:
            message = (
                f"The subscription is managed by the subscription schedule `{subscription['schedule']}`, and updating "
                "any cancelation behavior directly is not allowed. Please update the schedule instead."
            )
            raise invalid(message, param=name)


def _set_end(tx: Tx, subscription: Obj, at: int, *, at_period_end: bool) -> None:
    details = subscription["cancellation_details"] | {"reason": "cancellation_requested"}
    subscription |= {
        "cancel_at": at,
        "cancel_at_period_end": at_period_end,
        "canceled_at": tx.now,
        "cancellation_details": details,
    }


def _clear_end(subscription: Obj) -> None:
    details = {"comment": None, "feedback": None, "feedback_option": None, "reason": None}
    if subscription["cancel_at"] is not None:
        subscription["cancellation_details"] = details
    subscription |= {"cancel_at": None, "cancel_at_period_end": False, "canceled_at": None}


def _moment(tx: Tx, subscription: Obj, given: int | str) -> int:
    if given == "min_period_end":
        return _period_end(subscription, min)
    if given == "max_period_end":
        return _period_end(subscription, max)
    if isinstance(given, str):
        raise unsupported(f"`cancel_at` = {given}", param="cancel_at")
    if given <= tx.now:
        raise invalid("`cancel_at` must be in the future.", param="cancel_at")
    return given


def _period_end(subscription: Obj, choose: Any) -> int:
    return int(choose(item["current_period_end"] for item in subscription["items"]["data"]))


def note_reason(subscription: Obj, p: Params) -> None:
    """What the customer said."""
    given = p.sub("cancellation_details")
    for name in ("comment", "feedback", "feedback_option"):
        if name in given:
            subscription["cancellation_details"][name] = given.text(name)


def set_payment_settings(subscription: Obj, p: Params) -> None:
    """Settings that are shown, and make no difference to a test card."""
    given = p.sub("payment_settings")
    settings = subscription["payment_settings"]
    if "save_default_payment_method" in given:
        settings["save_default_payment_method"] = given.get("save_default_payment_method")
    types = given.get("payment_method_types")
    if types not in (None, "", ["card"]):
        raise unsupported("payment methods other than cards", param=given.name("payment_method_types"))
    if types is not None:
        settings["payment_method_types"] = types or None


def change_items(tx: Tx, subscription: Obj, p: Params) -> None:
    """Other prices or quantities, more or fewer items. Only where nothing is to be prorated."""
    given = p.subs("items")
    behavior = p.get("proration_behavior", "create_prorations")
    if not given:
        return
    trialing = subscription["status"] == "trialing"
    if behavior != "none" and not trialing:
        raise unsupported(f"`proration_behavior` = {behavior} outside a trial yet", param="proration_behavior")
    for change in given:
        _change_item(tx, subscription, change)
    if not subscription["items"]["data"]:
        raise invalid("A subscription must have at least one active item.", param="items")


def _change_item(tx: Tx, subscription: Obj, p: Params) -> None:
    items = subscription["items"]["data"]
    item_id = p.text("id")
    item = next((candidate for candidate in items if candidate["id"] == item_id), None)
    if item_id is not None and item is None:
        raise invalid(f"No such subscription item: '{item_id}'", param=p.name("id"), code="resource_missing")
    if p.get("deleted", False):
        if item is None:
            raise p.missing("id")
        p.get("clear_usage")
        items.remove(item)
        return
    price = tx.named("price", p.get("price"), p.name("price")) if "price" in p else None
    if price is not None:
        check_active(tx, price, p)
        _check_fits(subscription, price, p)
    if item is None:
        if price is None:
            raise p.missing("price")
        choice = {"price": price, "quantity": p.get("quantity", 1), "metadata": metadata_of(p)}
        items.append(_new_item(tx, subscription, choice))
        return
    if price is not None and price["id"] != item["price"]["id"]:
        # Without a quantity of its own, the changed item has one.
        replaced = _new_item(tx, subscription, {"price": price, "quantity": p.get("quantity", 1)})
        if price["recurring"] == item["price"]["recurring"]:
            replaced |= {key: item[key] for key in ("current_period_start", "current_period_end")}
        item |= {key: replaced[key] for key in replaced if key not in {"id", "created", "metadata"}}
    elif "quantity" in p:
        item["quantity"] = p.get("quantity")
    merge_metadata(item, p)


def _new_item(tx: Tx, subscription: Obj, choice: dict[str, Any]) -> Obj:
    trial_end = subscription["trial_end"] if subscription["status"] == "trialing" else None
    return make_item(tx, subscription["id"], choice, tx.now, subscription["billing_cycle_anchor"], trial_end=trial_end)


def _check_fits(subscription: Obj, price: Obj, p: Params) -> None:
    if price["type"] != "recurring":
        raise invalid("The price must be recurring.", param=p.name("price"))
    if price["currency"] != subscription["currency"]:
        raise invalid(f"The subscription is in {subscription['currency']}.", param=p.name("price"))
