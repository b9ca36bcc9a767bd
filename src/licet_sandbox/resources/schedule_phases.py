"""The phases of a subscription schedule, as the API takes them: what each bills, from when to when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.methods import owned_method
from licet_sandbox.billing.phases import lasts_until
from licet_sandbox.billing.schedule_shapes import make_phase, phase_item
from licet_sandbox.errors import invalid, unsupported
from licet_sandbox.resources.checkout_lines import check_active
from licet_sandbox.resources.prices import make_price

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_MOST = 10


def read_phases(tx: Tx, p: Params, customer_id: str, start: int, anchor: int | None) -> list[Obj]:
    """One phase after the other, each beginning where the one before ends.

    start: of the first, in epoch seconds; anchor: of the billing cycle that runs already, or None.
    """
    given = p.subs("phases")
    if not given:
        raise p.missing("phases")
    if len(given) > _MOST:
        message = f"You can only define up to {_MOST} current or future phases on a subscription schedule."
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
    if given is not None and moment(tx, given) != start:
        message = "The `start_date` of a phase must be the `end_date` of the phase before it."
        raise invalid(message, param=p.name("start_date"))


def moment(tx: Tx, given: int | str) -> int:
    """Epoch seconds, of `now` as well."""
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
        return lasts_until(anchor, start, duration.need("interval"), count)
    if "end_date" in p:
        end = moment(tx, p.get("end_date"))
        if end <= start:
            message = "The `end_date` of a phase must be after its start."
            raise invalid(message, param=p.name("end_date"))
        return end
    if not last:
        message = "Every phase but the last needs an `end_date` or a `duration`."
        raise invalid(message, param=p.name("end_date"), code="parameter_missing")
    return 0


def _phase(tx: Tx, p: Params, customer_id: str, start: int, end: int) -> Obj:
    items = [_item(tx, given) for given in p.subs("items")]
    if not items:
        raise p.missing("items")
    prices = [tx.get("price", item["price"]) for item in items]
    currency = _currency(p, prices)
    end = end or _one_period(start, prices)
    phase = make_phase(
        add_invoice_items=[_extra(tx, given, currency) for given in p.subs("add_invoice_items")],
        billing_cycle_anchor=p.get("billing_cycle_anchor"),
        currency=currency,
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
    refuse_unbuilt(p)
    return phase


def _one_period(start: int, prices: list[Obj]) -> int:
    """Without a length, a phase lasts for one period of what it bills; the shortest, where that differs."""
    return min(
        lasts_until(start, start, price["recurring"]["interval"], price["recurring"]["interval_count"])
        for price in prices
    )


def _currency(p: Params, prices: list[Obj]) -> str:
    wanted = {price["currency"] for price in prices} | ({p.get("currency").lower()} if p.text("currency") else set())
    if len(wanted) > 1:
        raise invalid("All prices of a phase must use the same currency.", param=p.name("items"))
    return str(wanted.pop())


def _trial_end(tx: Tx, p: Params, start: int, end: int) -> int | None:
    whole, given = p.get("trial", False), p.get("trial_end")
    if given is None:
        return end if whole else None
    at = moment(tx, given)
    if whole and at != end:
        raise invalid("With `trial=true`, `trial_end` must be the phase's end.", param=p.name("trial_end"))
    if not start <= at <= end:
        raise invalid("The `trial_end` of a phase must be within it.", param=p.name("trial_end"))
    return at if at > tx.now else None


def _item(tx: Tx, p: Params) -> Obj:
    price = _price(tx, p, plan=p.text("plan"))
    if price["type"] != "recurring":
        message = f"The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`: {price['id']}"  # noqa: E501  # Stripe's words.
        raise invalid(message, param=p.name("price"))
    quantity = p.get("quantity", 1)
    if quantity < 0:
        raise invalid("Invalid quantity: it cannot be negative.", param=p.name("quantity"))
    refuse_unbuilt(p)
    return phase_item(price["id"], quantity, p.get("metadata") or {})


def _extra(tx: Tx, p: Params, currency: str) -> Obj:
    price = _price(tx, p)
    if price["type"] != "one_time" or price["currency"] != currency:
        raise invalid(f"The price must be one-time and in {currency}.", param=p.name("price"))
    period = p.sub("period")
    period.sub("start").refuse("type", "max_item_period_start")
    period.sub("end").refuse("type", "min_item_period_end")
    p.refuse("discountable", True)
    refuse_unbuilt(p)
    return {
        "discountable": True,
        "discounts": [],
        "metadata": p.get("metadata") or {},
        "period": {"start": {"type": "max_item_period_start"}, "end": {"type": "min_item_period_end"}},
        "price": price["id"],
        "quantity": p.get("quantity", 1),
        "tax_rates": [],
    }


def _price(tx: Tx, p: Params, *, plan: str | None = None) -> Obj:
    if "price_data" in p:
        data = p.sub("price_data")
        product = tx.named("product", data.need("product"), data.name("product"))
        return make_price(tx, data, product["id"], active=False)
    if plan is not None and p.text("price") not in (None, plan):
        raise invalid("`plan` and `price` must be the same.", param=p.name("plan"))
    price = tx.named("price", plan or p.need("price"), p.name("price" if plan is None else "plan"))
    check_active(tx, price, p)
    return price


def read_settings(tx: Tx, p: Params, customer_id: str) -> dict[str, Any]:
    """What a phase and `default_settings` both may say: how and with what is paid, and what the invoices show."""
    p.refuse("collection_method", "charge_automatically")
    method = p.text("default_payment_method")
    if method is not None:
        method = owned_method(tx, method, customer_id, p.name("default_payment_method"))["id"]
    return {
        "collection_method": p.get("collection_method"),
        "default_payment_method": method,
        "description": p.text("description"),
    }


def refuse_unbuilt(p: Params) -> None:
    """Plain values ask for nothing; the rest is refused by nobody reading it."""
    p.sub("automatic_tax").refuse("enabled", False)
    for name in ("tax_rates", "default_tax_rates", "discounts"):
        if p.get(name) not in (None, "", []):
            raise unsupported(f"`{p.name(name)}`", param=p.name(name))
