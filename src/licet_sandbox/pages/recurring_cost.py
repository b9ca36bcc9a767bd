"""What a subscription will cost after today, as a sentence for the checkout page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.checkout.totals import find_offer
from licet_sandbox.billing.discounts.amounts import DiscountableLine, allocate_discount
from licet_sandbox.billing.invoices.lines import amount_of, describe_interval
from licet_sandbox.billing.periods import period_end
from licet_sandbox.kit.currencies import format_amount
from licet_sandbox.pages.formatting import show_date

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_DAY = 24 * 3600


def recurring_cost_text(tx: Tx, session: Obj, recurring: list[Obj]) -> str:
    """Such as `Then $9.00 every month; next payment on 3 February 2027`, with any trial and discounts."""
    trial, interval = trial_text(session), recurring[0]["price"]["recurring"]
    first = _trial_end(tx, session) if trial is not None else period_end(tx.now, tx.now, interval)
    cost = _cost_text(tx, session, recurring, describe_interval(interval), trial=trial is not None)
    begins = f"{trial}, then" if trial is not None else "Then"
    return f"{begins} {cost}; {'first' if trial is not None else 'next'} payment on {show_date(first)}"


def trial_text(session: Obj) -> str | None:
    """The trial that the session offers, in words."""
    data = session["_"]["subscription_data"]
    if data.get("trial_period_days"):
        days = data["trial_period_days"]
        return "1 day free" if days == 1 else f"{days} days free"
    return f"Free until {show_date(data['trial_end'])}" if data.get("trial_end") else None


def _trial_end(tx: Tx, session: Obj) -> int:
    data = session["_"]["subscription_data"]
    return int(data.get("trial_end") or tx.now + data["trial_period_days"] * _DAY)


def _cost_text(tx: Tx, session: Obj, recurring: list[Obj], interval: str, *, trial: bool) -> str:
    """The price per interval, with the discount for as long as the coupon applies."""
    currency, offer = session["currency"], find_offer(tx, session)
    parts = [
        DiscountableLine(amount_of(line["price"], line["quantity"]), line["price"]["product"]) for line in recurring
    ]
    amount = sum(part.amount for part in parts)
    full = f"{format_amount(amount, currency)} every {interval}"
    off = 0 if offer is None else sum(allocate_discount(offer.coupon, parts, currency))
    if offer is None or not off:
        return full
    lower, lasts = format_amount(amount - off, currency), offer.coupon["duration"]
    if lasts == "forever":
        return f"{lower} every {interval}"
    if lasts == "repeating":
        months = offer.coupon["duration_in_months"]
        return f"{lower} every {interval} for {months} months, then {full}"
    # A coupon with duration `once` applies to today's payment, or, after a trial, to the first one.
    return f"{lower} once, then {full}" if trial else full
