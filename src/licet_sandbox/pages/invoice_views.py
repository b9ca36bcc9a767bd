"""Template values of invoices and receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.collection.collection import payment_method_for_invoice
from licet_sandbox.kit.currencies import format_amount
from licet_sandbox.pages.formatting import address_text, card_name, discount_sums, show_date
from licet_sandbox.pages.offered_cards import TEST_CARDS

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

    View = dict[str, Any]


def invoice_view(tx: Tx, invoice: Obj) -> View:
    """The hosted invoice page."""
    method = payment_method_for_invoice(tx, invoice)
    card = method["card"] if method is not None else None
    return {
        "invoice_id": invoice["id"],
        "number": invoice["number"] or "(draft)",
        "state": invoice["status"],
        "status_text": _status_text(invoice),
        "amount": format_amount(invoice["amount_remaining"] or invoice["total"], invoice["currency"]),
        "receipt": _receipt_address(tx, invoice),
        **_invoice_totals(invoice),
        "on_file": card_name(card) if card else None,
        "on_file_possible": invoice["parent"] is not None,
        "cards": TEST_CARDS,
    }


def _receipt_address(tx: Tx, invoice: Obj) -> str | None:
    """The receipt page of the charge that paid the invoice."""
    paid = tx.select("invoice_payment", "json ->> '$.invoice' = ? AND json ->> '$.status' = 'paid'", invoice["id"])
    named = paid[0]["payment"].get("payment_intent") if paid else None
    charge_id = None if named is None else tx.get("payment_intent", named)["latest_charge"]
    return None if charge_id is None else f"/receipts/{charge_id}"


def _invoice_totals(invoice: Obj) -> View:
    """The lines, the discount, the total and, if the customer balance applies, the amount due."""
    currency, total = invoice["currency"], invoice["total"]
    discount = sum(entry["amount"] for entry in invoice["total_discount_amounts"])
    sums, last = discount_sums(invoice, discount, "subtotal"), ("Total", total)
    if invoice["amount_due"] != total:
        sums.append(("Total", format_amount(total, currency)))
        sums.append(("Customer balance", format_amount(invoice["amount_due"] - total, currency)))
        last = ("Amount due", invoice["amount_due"])
    label, amount = last
    return {
        "lines": _invoice_lines(invoice),
        "sums": sums,
        "total": format_amount(amount, currency),
        "total_label": label,
    }


def _status_text(invoice: Obj) -> str:
    paid_at = invoice["status_transitions"]["paid_at"]
    labels = {"draft": "Draft", "open": "Open", "void": "Void", "uncollectible": "Uncollectible"}
    return f"Paid on {show_date(paid_at)}" if paid_at else labels[invoice["status"]]


def _invoice_lines(invoice: Obj) -> list[View]:
    return [
        {
            "name": line["description"],
            "note": _period(line["period"]),
            "amount": format_amount(line["amount"], line["currency"]),
        }
        for line in invoice["_"]["lines"]
    ]


def _period(period: Obj) -> str | None:
    same = period["start"] == period["end"]
    return None if same else f"{show_date(period['start'])} to {show_date(period['end'])}"


def printable_view(invoice: Obj) -> View:
    """The printable invoice."""
    return {
        "heading": f"Invoice {invoice['number'] or '(draft)'}",
        "facts": [
            ("From", invoice["account_name"]),
            ("To", invoice["customer_name"] or invoice["customer_email"]),
            ("Address", address_text(invoice["customer_address"])),
            ("Date", show_date(invoice["effective_at"] or invoice["created"])),
            ("Status", _status_text(invoice)),
            ("Note", invoice["description"]),
        ],
        "back": f"/i/{invoice['id']}",
        "footer": invoice["footer"],
        **_invoice_totals(invoice),
    }


_CHARGE_LABELS = {"succeeded": "Paid", "pending": "Pending", "failed": "Failed"}


def receipt_view(charge: Obj) -> View:
    """The receipt of one charge."""
    card = charge["payment_method_details"]["card"]
    amount = format_amount(charge["amount"], charge["currency"])
    returned = charge["amount_refunded"]
    return {
        "heading": "Receipt",
        "facts": [
            ("Date", show_date(charge["created"])),
            ("Card", card_name(card)),
            ("Status", _CHARGE_LABELS[charge["status"]]),
            ("Refunded", format_amount(returned, charge["currency"]) if returned else None),
            ("Reference", charge["id"]),
        ],
        "back": None,
        "footer": None,
        "lines": [{"name": charge["description"] or "Payment", "note": None, "amount": amount}],
        "sums": [],
        "total": amount,
        "total_label": "Total",
    }
