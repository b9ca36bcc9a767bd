"""What was billed for a subscription's items, and how much of that time was not credited yet.

Nothing of this is stored: it follows from the lines of invoices and from the credits that name them, so that an invoice
which is voided takes its debits and its credits back by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


@dataclass(frozen=True)
class Debit:
    """An amount (minor units, discounts taken off) that was billed for the time from `start` to `end`.

    key: the id of the line, or of the invoice item behind it
    until: the time after it was credited already; `end` where none was
    named: how a credit for it names it, Stripe's `credited_items`
    """

    key: str
    amount: int
    start: int
    end: int
    until: int
    price: str
    quantity: int
    named: Obj


def debits_after(tx: Tx, subscription: Obj, item_id: str, at: int) -> list[Debit]:
    """Those of one subscription item that cover time after `at` which was not credited, oldest first."""
    prorations = _prorations(tx, subscription, item_id)
    credited: dict[str, int] = {}
    for item in prorations:
        for key in item.get("_", {}).get("credits", []):
            credited[key] = min(credited.get(key, item["period"]["start"]), item["period"]["start"])
    billed = [*_billed_periods(tx, subscription, item_id, at), *_prorated(tx, prorations)]
    found = [replace(debit, until=min(debit.end, credited.get(debit.key, debit.end))) for debit in billed]
    return [debit for debit in found if debit.amount > 0 and max(at, debit.start) < debit.until]


def _billed_periods(tx: Tx, subscription: Obj, item_id: str, at: int) -> Iterator[Debit]:
    where = (
        "json ->> '$.parent.subscription_details.subscription' = ? AND json ->> '$.status' != 'void' AND"
        " EXISTS (SELECT 1 FROM json_each(objects.json, '$._.lines') WHERE value ->> '$.period.end' > ?)"
    )
    for invoice in tx.select("invoice", where, subscription["id"], at):
        for line in invoice["_"]["lines"]:
            details = line["parent"]["subscription_item_details"]
            if details is not None and details["subscription_item"] == item_id and details["invoice_item"] is None:
                yield _debit(line, named_line(invoice["id"], line))


def _prorations(tx: Tx, subscription: Obj, item_id: str) -> list[Obj]:
    """Its proration items, debits and credits, without those of void invoices."""
    where = (
        "json ->> '$.parent.subscription_details.subscription' = ?"
        " AND json ->> '$.parent.subscription_details.subscription_item' = ?"
    )
    return [item for item in tx.select("invoiceitem", where, subscription["id"], item_id) if not _is_void(tx, item)]


def credits_from(tx: Tx, subscription: Obj, item_id: str, start: int) -> list[Obj]:
    """The credits of one subscription item for the time from exactly `start` on."""
    prorations = _prorations(tx, subscription, item_id)
    return [item for item in prorations if item["amount"] < 0 and item["period"]["start"] == start]


def _is_void(tx: Tx, item: Obj) -> bool:
    return item["invoice"] is not None and bool(tx.get("invoice", item["invoice"])["status"] == "void")


def _prorated(tx: Tx, prorations: list[Obj]) -> Iterator[Debit]:
    for item in prorations:
        if item["amount"] > 0:
            yield _debit(item, credited_name(tx, item))


def _debit(billed: Obj, named: Obj) -> Debit:
    """billed: a line or an invoice item."""
    return Debit(
        key=billed["id"],
        amount=billed["amount"] - sum(entry["amount"] for entry in billed.get("discount_amounts", [])),
        start=billed["period"]["start"],
        end=billed["period"]["end"],
        until=billed["period"]["end"],
        price=billed["pricing"]["price_details"]["price"],
        quantity=billed["quantity"],
        named=named,
    )


def named_line(invoice_id: str, line: Obj) -> Obj:
    """How a credit names a line."""
    details = {"invoice": invoice_id, "invoice_line_items": [line["id"]]}
    return {"type": "invoice_line_items", "invoice_line_item_details": details}


def credited_name(tx: Tx, item: Obj) -> Obj:
    """How a credit names an invoice item: by its line, or by itself as long as it is pending."""
    if item["invoice"] is None:
        return {"type": "invoice_item", "invoice_item": item["id"]}
    lines = tx.get("invoice", item["invoice"])["_"]["lines"]
    return named_line(item["invoice"], next(line for line in lines if item_behind(line) == item["id"]))


def item_behind(line: Obj) -> str | None:
    """The id of the invoice item that a line bills, if it bills one."""
    parent = line["parent"]
    details = parent["invoice_item_details"] or parent["subscription_item_details"]
    item_id: str | None = details["invoice_item"]
    return item_id
