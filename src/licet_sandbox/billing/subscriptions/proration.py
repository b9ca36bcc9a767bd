"""Prorations, to the second: credits for unused time, charges for the rest of a period.

In flexible billing mode a credit returns what was billed; in classic mode it follows from the item's price. Discounts
are part of the amounts: prorations are not discounted again.
Source: Stripe, "Prorations", "Compare classic and flexible billing mode".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from licet_sandbox.billing.discounts.discounts import active_discounts, apply_discounts
from licet_sandbox.billing.invoices.debits import Debit, debits_after
from licet_sandbox.billing.invoices.invoice_items import make_invoice_item, parent_of, pricing_of
from licet_sandbox.billing.invoices.lines import amount_of, product_name, subscription_line
from licet_sandbox.billing.periods import period_around, period_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def prorate(amount: int, part: int, whole: int) -> int:
    """`amount` (minor units, 0 or more) for `part` of `whole` seconds, half a unit rounded up."""
    return (2 * amount * part + whole) // (2 * whole)


def unused_amount(debit: Debit, at: int) -> int:
    """The credit for the time of a debit from `at` on; all credits of a debit never exceed it."""
    start = max(at, debit.start)
    return _from(debit, start) - _from(debit, debit.credited_from)


def _from(debit: Debit, moment: int) -> int:
    return prorate(debit.amount, debit.end - moment, debit.end - debit.start)


@dataclass(frozen=True)
class _Part:
    """A quantity of a price for a part of a period; the amount is in minor units."""

    amount: int
    price: Obj
    quantity: int
    start: int
    end: int


def credit_unused(tx: Tx, subscription: Obj, item: Obj, at: int) -> list[Obj]:
    """Creates pending credits for what was billed for this item (as it was) after `at`.

    In flexible mode there is one per debit.
    """
    debits = debits_after(tx, subscription, item["id"], at)
    if debits and subscription["billing_mode"]["type"] == "classic":
        part = _remaining(tx, subscription, item, at)
        return [_make(tx, subscription, item["id"], replace(part, amount=-part.amount), debits)]
    parts = [_unused_part(tx, debit, at) for debit in debits]
    return [_make(tx, subscription, item["id"], part, [debit]) for part, debit in zip(parts, debits, strict=True)]


def charge_remaining(tx: Tx, subscription: Obj, item: Obj, at: int) -> Obj:
    """Creates the pending charge for this item (as it is now) from `at` to the end of its period."""
    return _make(tx, subscription, item["id"], _remaining(tx, subscription, item, at))


def period_line(tx: Tx, subscription: Obj, item: Obj, *, prorated: bool = True) -> Obj:
    """The line for an item's current period.

    Its amount is the price; for a partial period its prorated share, or 0 unless prorated.
    """
    line = subscription_line(tx, subscription, item, trial=False)
    start, end = item["current_period_start"], item["current_period_end"]
    if (start, end) != period_around(subscription["billing_cycle_anchor"], start, item["price"]["recurring"]):
        _make_partial(tx, line, item, _remaining(tx, subscription, item, start).amount if prorated else 0)
    return line


def elapsed_line(tx: Tx, subscription: Obj, item: Obj) -> Obj:
    """The line for the time since a past start: whole periods from that start, then a part of one."""
    start, recurring = subscription["start_date"], item["price"]["recurring"]
    price, at, amount = _net(tx, subscription, item), start, 0
    while (end := period_end(start, at, recurring)) <= tx.now:
        at, amount = end, amount + price
    amount += prorate(price, tx.now - at, end - at)
    past = item | {"current_period_start": start, "current_period_end": tx.now}
    line = subscription_line(tx, subscription, past, trial=False)
    _make_partial(tx, line, item, amount)
    return line


def _make_partial(tx: Tx, line: Obj, item: Obj, amount: int) -> None:
    """Turns the line of a whole period into one for a part of it."""
    start, end = line["period"]["start"], line["period"]["end"]
    named = f"{_counted(item['quantity'])}{product_name(tx, item['price'])}"
    line |= {
        "amount": amount,
        "subtotal": amount,
        "description": f"Time on {named} from {_day(start)} until {_day(end)}",
        "discountable": False,
        "pricing": line["pricing"] | {"unit_amount_decimal": _per_unit(amount, item["quantity"])},
    }
    line["parent"]["subscription_item_details"]["proration"] = True


def reverse_credit(tx: Tx, subscription: Obj, item: Obj, credit: Obj) -> Obj:
    """Creates a pending charge for the time and the amount of a credit."""
    period = credit["period"]
    part = _Part(-credit["amount"], item["price"], credit["quantity"], period["start"], period["end"])
    return _make(tx, subscription, item["id"], part)


def _unused_part(tx: Tx, debit: Debit, at: int) -> _Part:
    price = tx.get("price", debit.price)
    return _Part(-unused_amount(debit, at), price, debit.quantity, max(at, debit.start), debit.credited_from)


def _remaining(tx: Tx, subscription: Obj, item: Obj, at: int) -> _Part:
    price, end = item["price"], item["current_period_end"]
    first, last = period_around(subscription["billing_cycle_anchor"], at, price["recurring"])
    amount = prorate(_net(tx, subscription, item), end - at, last - first)
    return _Part(amount, price, item["quantity"], at, end)


def _net(tx: Tx, subscription: Obj, item: Obj) -> int:
    """The amount of a whole period of this item, after its share of the subscription's discounts."""
    lines: dict[str, Obj] = {
        each["id"]: {
            "amount": amount_of(each["price"], each["quantity"]),
            "discountable": True,
            "discounts": active_discounts(tx, each["discounts"]),
            "pricing": pricing_of(each["price"]),
        }
        for each in [*subscription["items"]["data"], item]
    }
    discounts = active_discounts(tx, subscription["discounts"])
    apply_discounts(
        tx, {"currency": subscription["currency"], "discounts": discounts, "_": {"lines": list(lines.values())}}
    )
    line = lines[item["id"]]
    return int(line["amount"] - sum(entry["amount"] for entry in line["discount_amounts"]))


def _make(tx: Tx, subscription: Obj, item_id: str, part: _Part, credited: Sequence[Debit] = ()) -> Obj:
    """Creates a pending proration. credited: the debits that it credits."""
    kind = "Unused" if credited else "Remaining"
    private: Obj = {"_": {"credits": [debit.key for debit in credited]}} if credited else {}
    return make_invoice_item(
        tx,
        subscription["customer"],
        part.amount,
        part.price["currency"],
        description=f"{kind} time on {_counted(part.quantity)}{product_name(tx, part.price)} after {_day(part.start)}",
        discountable=False,
        parent=parent_of(subscription["id"], item_id),
        period={"start": part.start, "end": part.end},
        pricing=pricing_of(part.price) | {"unit_amount_decimal": _per_unit(part.amount, part.quantity)},
        proration=True,
        proration_details={"credited_items": credited[-1].reference if credited else None, "discount_amounts": []},
        quantity=part.quantity,
        **private,
    )


def _counted(quantity: int) -> str:
    return "" if quantity == 1 else f"{quantity} × "  # noqa: RUF001  # As Stripe writes it.


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%d %b %Y")


def _per_unit(amount: int, quantity: int) -> str:
    """The amount of one unit, with at most 12 decimal places."""
    exact = (Decimal(amount) / quantity if quantity else Decimal(0)).quantize(Decimal("1e-12"))
    return f"{exact.normalize():f}"
