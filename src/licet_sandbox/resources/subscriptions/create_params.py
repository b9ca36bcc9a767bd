"""Parameters of a new subscription: items, trial, billing cycle anchor, invoice items."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.invoices.invoice_items import make_invoice_item, parent_of, pricing_of
from licet_sandbox.billing.invoices.lines import amount_of, product_name
from licet_sandbox.billing.periods import add_months, period_end
from licet_sandbox.errors import invalid
from licet_sandbox.ids import new_id
from licet_sandbox.kit.fields import metadata_of
from licet_sandbox.resources.catalogue.discounts import DiscountContext, new_discounts
from licet_sandbox.resources.catalogue.price_params import check_currency, check_recurring, quantity_of, required_price
from licet_sandbox.resources.catalogue.prices import LONGEST_TRIAL_DAYS
from licet_sandbox.resources.subscriptions.proration_params import trial_end_of

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_DAY = 24 * 3600
_MAX_INVOICE_ITEMS = 20


def chosen_items(tx: Tx, p: Params) -> list[dict[str, Any]]:
    """`items` for `make_subscription`; 400 unless recurring, in one currency, without duplicates."""
    chosen: list[dict[str, Any]] = []
    currency = p.text("currency")
    for given in p.subs("items"):
        price = required_price(tx, given)
        check_recurring(price, given, currency and currency.lower())
        currency = price["currency"]
        if any(other["price"]["id"] == price["id"] for other in chosen):
            message = f"Cannot add multiple subscription items with the same price: {price['id']}"
            raise invalid(message, param=given.name("price"))
        chosen.append({"price": price, "quantity": quantity_of(given), "metadata": metadata_of(given)})
    if not chosen:
        raise p.missing("items")
    return chosen


def first_trial_end(tx: Tx, p: Params, chosen: list[dict[str, Any]]) -> int | None:
    """The end of the trial, or None without a trial."""
    days, moment = p.get("trial_period_days"), trial_end_of(tx, p)
    from_plan = p.get("trial_from_plan", False)
    named = [name for name in ("trial_period_days", "trial_end", "trial_from_plan") if p.get(name)]
    if len(named) > 1:
        message = f"You may only specify one of these parameters: {', '.join(named)}."
        raise invalid(message, param=named[1], code="parameters_exclusive")
    if from_plan:
        days = max((choice["price"]["recurring"]["trial_period_days"] or 0) for choice in chosen)
    if days is not None and not 0 <= days <= LONGEST_TRIAL_DAYS:
        message = f"Invalid integer: a trial can be at most {LONGEST_TRIAL_DAYS} days long."
        raise invalid(message, param="trial_period_days")
    if days:
        return int(tx.now + days * _DAY)
    return moment if moment is not None and moment > tx.now else None


def first_anchor(
    tx: Tx, p: Params, anchor: int | None, chosen: list[dict[str, Any]], trial_end: int | None
) -> int | None:
    """The requested billing cycle anchor; 400 if it is past or after the first full period."""
    if "billing_cycle_anchor_config" in p:
        if anchor is not None:
            message = "You may only specify one of `billing_cycle_anchor` and `billing_cycle_anchor_config`."
            raise invalid(message, param="billing_cycle_anchor_config", code="parameters_exclusive")
        anchor = _next_occurrence(tx, p.sub("billing_cycle_anchor_config"), chosen)
    if anchor is None:
        return None
    if trial_end is not None:
        message = "This sandbox does not support a trial together with a billing cycle anchor."
        raise invalid(message, param="billing_cycle_anchor")
    if anchor <= tx.now:
        raise invalid("`billing_cycle_anchor` must be a timestamp in the future.", param="billing_cycle_anchor")
    natural = min(period_end(tx.now, tx.now, choice["price"]["recurring"]) for choice in chosen)
    if anchor > natural:
        message = f"`billing_cycle_anchor` cannot be later than the next natural billing date ({natural})."
        raise invalid(message, param="billing_cycle_anchor")
    return anchor


def _next_occurrence(tx: Tx, p: Params, chosen: list[dict[str, Any]]) -> int:
    """The next time that matches the config; in a short month, `day_of_month` means its last day."""
    if any(choice["price"]["recurring"]["interval"] not in {"month", "year"} for choice in chosen):
        message = "`billing_cycle_anchor_config` is only valid with monthly and yearly prices."
        raise invalid(message, param=p.name("day_of_month"))
    now = datetime.fromtimestamp(tx.now, UTC)
    day, month = _within(p, "day_of_month", 1, 31, now.day), _within(p, "month", 1, 12, 0)
    hour, minute, second = (
        _within(p, name, 0, most, getattr(now, name)) for name, most in (("hour", 23), ("minute", 59), ("second", 59))
    )
    for ahead in range(13):
        first = add_months(now.replace(day=1), ahead)
        last = calendar.monthrange(first.year, first.month)[1]
        moment = first.replace(day=min(day, last), hour=hour, minute=minute, second=second)
        if moment > now and month in (0, moment.month):
            return int(moment.timestamp())
    raise AssertionError("each day of a month occurs within a year")


def _within(p: Params, name: str, least: int, most: int, default: int) -> int:
    value: int = p.get(name, default)
    if name in p and not least <= value <= most:
        raise invalid(f"Invalid {name}: must be from {least} to {most}.", param=p.name(name))
    return value


def start_date_of(tx: Tx, p: Params) -> int:
    """The start of the subscription: now, or `backdate_start_date`."""
    given: int | None = p.get("backdate_start_date")
    if given is None:
        return tx.now
    if given >= tx.now:
        raise invalid("`backdate_start_date` must be in the past.", param="backdate_start_date")
    return given


def add_invoice_items(tx: Tx, subscription: Obj, p: Params) -> None:
    """Create the pending invoice items of `add_invoice_items` for the next invoice."""
    given = p.subs("add_invoice_items")
    if len(given) > _MAX_INVOICE_ITEMS:
        message = f"You can add at most {_MAX_INVOICE_ITEMS} invoice items."
        raise invalid(message, param="add_invoice_items")
    for extra in given:
        price = required_price(tx, extra)
        check_currency(price, extra, subscription["currency"])
        if price["type"] != "one_time":
            message = f"The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`: {price['id']}"  # noqa: E501  # Stripe's words.
            raise invalid(message, param=extra.name("price"))
        quantity = quantity_of(extra)
        item_id, amount = new_id("invoiceitem"), amount_of(price, quantity)
        use = DiscountContext(subscription["customer"], price["currency"], amount)
        make_invoice_item(
            tx,
            subscription["customer"],
            amount,
            price["currency"],
            id=item_id,
            description=product_name(tx, price),
            discountable=extra.get("discountable", True),
            discounts=new_discounts(tx, extra, use, invoice_item=item_id),
            metadata=metadata_of(extra),
            parent=parent_of(subscription["id"]),
            period=_period(tx, subscription, extra.sub("period")),
            pricing=pricing_of(price),
            quantity=quantity,
        )


def _period(tx: Tx, subscription: Obj, p: Params) -> dict[str, int]:
    """The period of an invoice item; by default, the time that all subscription items share."""
    items = subscription["items"]["data"]
    bounds = {
        "max_item_period_start": max(item["current_period_start"] for item in items),
        "min_item_period_end": min(item["current_period_end"] for item in items),
        "now": tx.now,
    }
    found = {}
    for name, default in (("start", "max_item_period_start"), ("end", "min_item_period_end")):
        given = p.sub(name)
        kind = given.get("type", default)
        found[name] = given.need("timestamp") if kind == "timestamp" else bounds[kind]
    if found["end"] < found["start"]:
        message = "The end of a period must not be before its start."
        raise invalid(message, param=p.name("end"))
    return found


def billing_mode(p: Params) -> Obj:
    """The billing mode, `flexible` by default."""
    given = p.sub("billing_mode")
    if given.get("type", "flexible") == "classic":
        return {"type": "classic", "flexible": None}
    discounts = given.sub("flexible").get("proration_discounts", "included")
    return {"type": "flexible", "flexible": {"proration_discounts": discounts}}


def trial_settings(p: Params) -> Obj:
    """What happens at the end of a trial without a payment method."""
    behavior = p.sub("trial_settings").sub("end_behavior")
    behavior.refuse("billing_cycle_anchor", "now")
    missing = behavior.get("missing_payment_method", "create_invoice")
    return {"end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": missing}}
