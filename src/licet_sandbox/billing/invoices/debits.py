"""What was billed for the items of a subscription, and how much of it is not yet credited.

None of this is stored: it is computed from the lines of invoices and the credits that name them. So voiding an invoice
also undoes its debits and credits.
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
    """An amount (minor units, after discounts) that was billed for the time from `start` to `end`.

    key: the id of the line, or of the invoice item behind it
    credited_from: the time after it is already credited; `end` if none is
    reference: how a credit refers to the debit, in the form of Stripe's `credited_items`
    """

    key: str
    amount: int
    start: int
    end: int
    credited_from: int
    price: str
    quantity: int
    reference: Obj


def debits_after(tx: Tx, subscription: Obj, item_id: str, at: int) -> list[Debit]:
    """The debits of one subscription item that cover uncredited time after `at`, oldest first."""
    prorations = _prorations(tx, subscription, item_id)
    credited: dict[str, int] = {}
    for item in prorations:
        for key in item.get("_", {}).get("credits", []):
            credited[key] = min(credited.get(key, item["period"]["start"]), item["period"]["start"])
    billed = [*_billed_periods(tx, subscription, item_id, at), *_prorated(tx, prorations)]
    found = [replace(debit, credited_from=min(debit.end, credited.get(debit.key, debit.end))) for debit in billed]
    return [debit for debit in found if debit.amount > 0 and max(at, debit.start) < debit.credited_from]


def _billed_periods(tx: Tx, subscription: Obj, item_id: str, at: int) -> Iterator[Debit]:
    where = (
        "json ->> '$.parent.subscription_details.subscription' = ? AND json ->> '$.status' != 'void' AND"
        " EXISTS (SELECT 1 FROM json_each(objects.json, '$._.lines') WHERE value ->> '$.period.end' > ?)"
    )
    for invoice in tx.select("invoice", where, subscription["id"], at):
        for line in invoice["_"]["lines"]:
            details = line["parent"]["subscription_item_details"]
            if details is not None and details["subscription_item"] == item_id and details["invoice_item"] is None:
                yield _debit(line, line_reference(invoice["id"], line))


def _prorations(tx: Tx, subscription: Obj, item_id: str) -> list[Obj]:
    """The item's prorations, debits and credits, without those of void invoices."""
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
            yield _debit(item, credit_reference(tx, item))


def _debit(billed: Obj, reference: Obj) -> Debit:
    """The debit of a line or an invoice item."""
    return Debit(
        key=billed["id"],
        amount=billed["amount"] - sum(entry["amount"] for entry in billed.get("discount_amounts", [])),
        start=billed["period"]["start"],
        end=billed["period"]["end"],
        credited_from=billed["period"]["end"],
        price=billed["pricing"]["price_details"]["price"],
        quantity=billed["quantity"],
        reference=reference,
    )


def line_reference(invoice_id: str, line: Obj) -> Obj:
    """The reference to a line in a credit's `credited_items`."""
    details = {"invoice": invoice_id, "invoice_line_items": [line["id"]]}
    return {"type": "invoice_line_items", "invoice_line_item_details": details}


def credit_reference(tx: Tx, item: Obj) -> Obj:
    """The reference to an invoice item in `credited_items`: its line, or its id while it is pending."""
    if item["invoice"] is None:
        return {"type": "invoice_item", "invoice_item": item["id"]}
    lines = tx.get("invoice", item["invoice"])["_"]["lines"]
    return line_reference(item["invoice"], next(line for line in lines if invoice_item_id_of(line) == item["id"]))


def invoice_item_id_of(line: Obj) -> str | None:
    """The id of the invoice item that a line bills, or None."""
    parent = line["parent"]
    details = parent["invoice_item_details"] or parent["subscription_item_details"]
    item_id: str | None = details["invoice_item"]
    return item_id
