"""What a subscription will cost after today, as the checkout page says it before anything is paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.checkout.totals import find_offer
from licet_sandbox.billing.discounts.amounts import DiscountableLine, allocate_discount
from licet_sandbox.billing.invoices.lines import amount_of, describe_interval, format_amount
from licet_sandbox.billing.periods import period_end
from licet_sandbox.pages.wording import show_date

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_DAY = 24 * 3600


def later_text(tx: Tx, session: Obj, recurring: list[Obj]) -> str:
    """`Then $9.00 every month, next on 3 February 2027`, with the trial before it and the discounts in it."""
    trial, rhythm = trial_of(session), recurring[0]["price"]["recurring"]
    first = _trial_end(tx, session) if trial is not None else period_end(tx.now, tx.now, rhythm)
    costs = _costs(tx, session, recurring, describe_interval(rhythm), trial=trial is not None)
    begins = f"{trial}, then" if trial is not None else "Then"
    return f"{begins} {costs}; {'first' if trial is not None else 'next'} on {show_date(first)}"


def trial_of(session: Obj) -> str | None:
    """The free time that the session was made with, in words."""
    data = session["_"]["subscription_data"]
    if data.get("trial_period_days"):
        days = data["trial_period_days"]
        return "1 day free" if days == 1 else f"{days} days free"
    return f"Free until {show_date(data['trial_end'])}" if data.get("trial_end") else None


def _trial_end(tx: Tx, session: Obj) -> int:
    data = session["_"]["subscription_data"]
    return int(data.get("trial_end") or tx.now + data["trial_period_days"] * _DAY)


def _costs(tx: Tx, session: Obj, recurring: list[Obj], interval: str, *, trial: bool) -> str:
    """The full price, or the lower one as long as the coupon lasts."""
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
    # One that holds once is used up today, unless nothing is due today.
    return f"{lower} once, then {full}" if trial else full
