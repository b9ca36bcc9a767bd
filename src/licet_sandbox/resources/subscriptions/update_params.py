"""Parameters of a subscription besides its items: cancellation, trial, settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.invoices.lines import amount_of
from licet_sandbox.billing.subscriptions.cancel_at import clip_period_end, natural_period_end
from licet_sandbox.errors import invalid, unsupported
from licet_sandbox.resources.catalogue.discounts import DiscountContext
from licet_sandbox.resources.subscriptions.proration_params import trial_end_of

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_DAY = 24 * 3600


def set_scheduled_cancellation(tx: Tx, subscription: Obj, p: Params) -> None:
    """Apply `cancel_at_period_end` and `cancel_at`: schedule a cancellation, or clear it."""
    _check_unmanaged(subscription, p)
    at_period_end, cancel_at = p.get("cancel_at_period_end"), p.get("cancel_at")
    if at_period_end and cancel_at not in (None, ""):
        message = "You may only specify one of `cancel_at_period_end` and `cancel_at`."
        raise invalid(message, param="cancel_at", code="parameters_exclusive")
    if at_period_end:
        if not subscription["cancel_at_period_end"]:
            _set_end(tx, subscription, _period_end(subscription, min), at_period_end=True)
    elif cancel_at not in (None, ""):
        _set_end(tx, subscription, _cancel_time(tx, subscription, cancel_at), at_period_end=False)
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


def clip_first_period(subscription: Obj) -> None:
    """Shorten the first period of a new subscription that is canceled before its end."""
    for item in subscription["items"]["data"]:
        item["current_period_end"] = clip_period_end(subscription, item["current_period_end"])


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


def _cancel_time(tx: Tx, subscription: Obj, given: int | str) -> int:
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
    return int(choose(natural_period_end(subscription, item) for item in subscription["items"]["data"]))


def set_cancellation_details(subscription: Obj, p: Params) -> None:
    """Store `cancellation_details`, the customer's reason for cancelling."""
    given = p.sub("cancellation_details")
    for name in ("comment", "feedback", "feedback_option"):
        if name in given:
            subscription["cancellation_details"][name] = given.text(name)


def set_payment_settings(subscription: Obj, p: Params) -> None:
    """Store `payment_settings`. Only `save_default_payment_method` has an effect in this sandbox."""
    given = p.sub("payment_settings")
    settings = subscription["payment_settings"]
    if "save_default_payment_method" in given:
        settings["save_default_payment_method"] = given.get("save_default_payment_method")
    types = given.get("payment_method_types")
    if types not in (None, "", ["card"]):
        raise unsupported("payment methods other than cards", param=given.name("payment_method_types"))
    if types is not None:
        settings["payment_method_types"] = types or None


def set_invoice_settings(subscription: Obj, p: Params) -> None:
    """Store `invoice_settings`: texts and custom fields of the invoices."""
    given, settings = p.sub("invoice_settings"), subscription["invoice_settings"]
    for name in ("description", "footer"):
        if name in given:
            settings[name] = given.text(name)
    if "custom_fields" in given:
        settings["custom_fields"] = given.get("custom_fields") or None
    given.refuse("account_tax_ids", "", [])
    given.sub("issuer").refuse("type", "self")


def change_trial(tx: Tx, subscription: Obj, p: Params) -> None:
    """Apply `trial_end` and `trial_from_plan`: start, change or end a trial."""
    moment = trial_end_of(tx, p)
    if p.get("trial_from_plan", False):
        if moment is not None:
            message = "You may only specify one of `trial_end` and `trial_from_plan`."
            raise invalid(message, param="trial_from_plan", code="parameters_exclusive")
        days = trial_days_of(subscription)
        moment = tx.now + days * _DAY if days else None
    trialing = subscription["status"] == "trialing"
    if moment is None or (moment == tx.now and not trialing):
        return
    if moment == tx.now:
        subscription |= {"status": "active", "trial_end": moment}
        return
    if not trialing:
        subscription |= {"status": "trialing", "trial_start": tx.now}
    if moment != subscription["trial_end"]:
        subscription["trial_end"] = moment
        subscription["_"] = {**subscription.get("_", {}), "warned": False}


def trial_days_of(subscription: Obj) -> int:
    """The longest `trial_period_days` of the subscription's prices."""
    return max(item["price"]["recurring"]["trial_period_days"] or 0 for item in subscription["items"]["data"])


def discount_context_of(subscription: Obj) -> DiscountContext:
    """What the subscription's discounts apply to: one period of all items."""
    items = subscription["items"]["data"]
    amount = sum(amount_of(item["price"], item["quantity"]) for item in items)
    return DiscountContext(subscription["customer"], subscription["currency"], amount)


def refuse_unsupported(p: Params) -> None:
    """Refuse parameters of features that this sandbox does not have (tax, Connect, thresholds)."""
    p.sub("automatic_tax").refuse("enabled", False)
    for name in (
        "application_fee_percent",
        "billing_schedules",
        "billing_thresholds",
        "default_tax_rates",
        "pending_invoice_item_interval",
        "transfer_data",
    ):
        p.refuse(name, "", [])
