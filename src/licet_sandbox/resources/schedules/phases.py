"""Reads the phases of a subscription schedule from the parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.invoices.lines import amount_of
from licet_sandbox.billing.payments.payment_methods import owned_method
from licet_sandbox.billing.schedules.phases import phase_end
from licet_sandbox.billing.schedules.shapes import invoice_settings, make_phase, phase_item
from licet_sandbox.errors import invalid
from licet_sandbox.kit.currencies import check_maximum
from licet_sandbox.resources.catalogue.discounts import read_discounts
from licet_sandbox.resources.catalogue.price_params import check_recurring, quantity_of, required_price
from licet_sandbox.resources.schedules.phase_invoice_items import read_invoice_items

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_MAX_PHASES = 10


def read_phases(tx: Tx, p: Params, customer_id: str, start: int, anchor: int | None) -> list[Obj]:
    """The phases; each begins where the previous one ends.

    start: of the first phase, in epoch seconds
    anchor: billing cycle anchor of the existing subscription, or None
    """
    given = p.subs("phases")
    if not given:
        raise p.missing("phases")
    if len(given) > _MAX_PHASES:
        message = f"You can only define up to {_MAX_PHASES} current or future phases on a subscription schedule."
        raise invalid(message, param="phases")
    phases: list[Obj] = []
    anchor = anchor or start
    for at, phase in enumerate(given):
        _check_start(tx, phase, start)
        end = _end(tx, phase, start, anchor, last=at == len(given) - 1)
        phases.append(_phase(tx, phase, customer_id, start, end))
        start = end
    if len({phase["currency"] for phase in phases}) > 1:
        raise invalid("All phases of a subscription schedule must use the same currency.", param="phases")
    return phases


def _check_start(tx: Tx, p: Params, start: int) -> None:
    given = p.get("start_date")
    if given is not None and epoch_seconds(tx, given) != start:
        message = "The `start_date` of a phase must be the `end_date` of the phase before it."
        raise invalid(message, param=p.name("start_date"))


def epoch_seconds(tx: Tx, given: int | str) -> int:
    """Epoch seconds of a time or of `now`."""
    return tx.now if given == "now" else int(given)


def _end(tx: Tx, p: Params, start: int, anchor: int, *, last: bool) -> int:
    duration = p.sub("duration")
    if duration and "end_date" in p:
        message = "You may only specify one of `duration` and `end_date`."
        raise invalid(message, param=p.name("end_date"), code="parameters_exclusive")
    if duration:
        count = duration.get("interval_count", 1)
        if not 1 <= count <= 120:
            raise invalid("Invalid interval_count: from 1 to 120.", param=duration.name("interval_count"))
        return phase_end(anchor, start, duration.need("interval"), count)
    if "end_date" in p:
        end = epoch_seconds(tx, p.get("end_date"))
        if end <= start:
            message = "The `end_date` of a phase must be after its start."
            raise invalid(message, param=p.name("end_date"))
        return end
    if not last:
        message = "Every phase but the last needs an `end_date` or a `duration`."
        raise invalid(message, param=p.name("end_date"), code="parameter_missing")
    return 0


def _phase(tx: Tx, p: Params, customer_id: str, start: int, end: int) -> Obj:
    items = [_item(tx, given, customer_id) for given in p.subs("items")]
    if not items:
        raise p.missing("items")
    if len({item["price"] for item in items}) < len(items):
        raise invalid("A phase cannot have two items with the same price.", param=p.name("items"))
    prices = [tx.get("price", item["price"]) for item in items]
    currency = _currency(p, prices)
    amounts = (amount_of(price, item["quantity"]) for price, item in zip(prices, items, strict=True))
    check_maximum(sum(amounts), currency, p.name("items"))
    end = end or _one_period(start, prices)
    phase = make_phase(
        add_invoice_items=read_invoice_items(tx, p, currency, customer_id),
        billing_cycle_anchor=p.get("billing_cycle_anchor"),
        currency=currency,
        discounts=read_discounts(tx, p, currency, customer_id),
        end_date=end,
        items=items,
        metadata=p.get("metadata") or {},
        proration_behavior=p.get("proration_behavior", "create_prorations"),
        start_date=start,
        trial_end=_trial_end(tx, p, start, end),
        **read_settings(tx, p, customer_id),
    )
    if phase["billing_cycle_anchor"] == "phase_start" and phase["trial_end"] is not None:
        message = "`billing_cycle_anchor` cannot be `phase_start` in a phase with a trial."
        raise invalid(message, param=p.name("billing_cycle_anchor"))
    refuse_unsupported_settings(p)
    return phase


def _one_period(start: int, prices: list[Obj]) -> int:
    """The end of a phase without a duration: one period of its shortest price."""
    return min(
        phase_end(start, start, price["recurring"]["interval"], price["recurring"]["interval_count"])
        for price in prices
    )


def _currency(p: Params, prices: list[Obj]) -> str:
    currencies = {price["currency"] for price in prices} | (
        {p.get("currency").lower()} if p.text("currency") else set()
    )
    if len(currencies) > 1:
        raise invalid("All prices of a phase must use the same currency.", param=p.name("items"))
    return str(currencies.pop())


def _trial_end(tx: Tx, p: Params, start: int, end: int) -> int | None:
    whole, given = p.get("trial", False), p.get("trial_end")
    if given is None:
        return end if whole else None
    at = epoch_seconds(tx, given)
    if whole and at != end:
        raise invalid("With `trial=true`, `trial_end` must be the phase's end.", param=p.name("trial_end"))
    if not start <= at <= end:
        raise invalid("The `trial_end` of a phase must be within it.", param=p.name("trial_end"))
    return at if at > tx.now else None


def _item(tx: Tx, p: Params, customer_id: str) -> Obj:
    price = required_price(tx, p)
    check_recurring(price, p)
    refuse_unsupported_settings(p)
    return phase_item(
        price["id"],
        quantity_of(p),
        p.get("metadata") or {},
        read_discounts(tx, p, price["currency"], customer_id),
    )


def read_settings(tx: Tx, p: Params, customer_id: str) -> dict[str, Any]:
    """Settings shared by phases and `default_settings`: collection, payment method, invoice texts."""
    p.refuse("collection_method", "charge_automatically")
    method = p.text("default_payment_method")
    if method is not None:
        method = owned_method(tx, method, customer_id, p.name("default_payment_method"))["id"]
    return {
        "collection_method": p.get("collection_method"),
        "default_payment_method": method,
        "description": p.text("description"),
        "invoice_settings": _invoice_settings(p.sub("invoice_settings")) if "invoice_settings" in p else None,
    }


def _invoice_settings(p: Params) -> Obj:
    p.refuse("account_tax_ids", "", [])
    p.sub("issuer").refuse("type", "self")
    return invoice_settings(
        custom_fields=p.get("custom_fields") or None, description=p.text("description"), footer=p.text("footer")
    )


def refuse_unsupported_settings(p: Params) -> None:
    """Refuses parameters of features that this sandbox does not have, unless they are switched off."""
    p.sub("automatic_tax").refuse("enabled", False)
    for name in ("billing_thresholds", "default_tax_rates", "tax_rates", "transfer_data"):
        p.refuse(name, "", [])
