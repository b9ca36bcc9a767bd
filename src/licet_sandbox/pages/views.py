"""What the templates show, drawn from Stripe's objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.checkout import known_email, needs_card
from licet_sandbox.billing.checkout_totals import offer_of
from licet_sandbox.billing.collection import method_on_file
from licet_sandbox.billing.lines import amount_of, describe_interval, format_amount
from licet_sandbox.pages.asked import adjustable_view, asked_view
from licet_sandbox.pages.dates import show_date
from licet_sandbox.pages.later import later_text, trial_of

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

View = dict[str, Any]

TEST_CARDS = (
    ("4242 4242 4242 4242", "Pays"),
    ("5555 5555 5555 4444", "Pays (Mastercard)"),
    ("4000 0025 0000 3155", "3D Secure, once; later payments go through"),
    ("4000 0027 6000 3184", "3D Secure, every time"),
    ("4000 0000 0000 9995", "Declined: insufficient funds"),
    ("4000 0000 0000 0002", "Declined"),
    ("4000 0000 0000 0341", "Can be saved, but every payment is declined"),
)  # fmt: skip


def pay_view(tx: Tx, session: Obj) -> View:
    """The checkout page."""
    lines, currency = session["_"]["line_items"], session["currency"]
    recurring = [line for line in lines if line["price"]["type"] == "recurring"]
    total = format_amount(session["amount_total"], currency)
    action = f"Pay {total}"
    if recurring:
        action = "Start trial" if trial_of(session) is not None else "Subscribe"
    return {
        "session_id": session["id"],
        "back": session["cancel_url"],
        "lines": [_item(line) for line in lines],
        "sums": _sums(session, session["total_details"]["amount_discount"], "amount_subtotal"),
        "code": _typed_code(tx, session),
        "takes_codes": bool(session["allow_promotion_codes"]),
        "total": total,
        "total_label": "Due today",
        "later": later_text(tx, session, recurring) if recurring else None,
        "action": action,
        "known_email": known_email(tx, session),
        "wants_card": needs_card(session),
        "cards": TEST_CARDS,
        "adjustable": adjustable_view(session),
        **asked_view(session),
    }


def setup_view(tx: Tx, session: Obj) -> View:
    """The page that only saves a card."""
    return {
        "session_id": session["id"],
        "back": session["cancel_url"],
        "known_email": known_email(tx, session),
        "cards": TEST_CARDS,
        **asked_view(session),
    }


def _sums(holder: Obj, discount: int, subtotal: str) -> list[tuple[str, str]]:
    """What lies between the lines and the total: nothing, where nothing is taken off."""
    if not discount:
        return []
    currency = holder["currency"]
    return [("Subtotal", format_amount(holder[subtotal], currency)), ("Discount", format_amount(-discount, currency))]


def _typed_code(tx: Tx, session: Obj) -> str | None:
    """The promotion code in use."""
    offer = offer_of(tx, session)
    return str(offer.code["code"]) if offer is not None and offer.code is not None else None


def _item(line: Obj) -> View:
    price = line["price"]
    each = format_amount(amount_of(price, 1), price["currency"])
    per = f" per {describe_interval(price['recurring'])}" if price["recurring"] else ""
    return {
        "name": line["description"],
        "note": f"{line['quantity']} at {each}{per}",
        "amount": format_amount(line["amount_subtotal"], line["currency"]),
    }


def invoice_view(tx: Tx, invoice: Obj) -> View:
    """The hosted invoice page."""
    method = method_on_file(tx, invoice)
    card = method["card"] if method is not None else None
    return {
        "invoice_id": invoice["id"],
        "number": invoice["number"] or "(draft)",
        "state": invoice["status"],
        "status_text": _status_text(invoice),
        "amount": format_amount(invoice["amount_remaining"] or invoice["total"], invoice["currency"]),
        "receipt": _receipt_address(tx, invoice),
        **_invoice_totals(invoice),
        "on_file": f"{card['brand'].capitalize()} ending in {card['last4']}" if card else None,
        "on_file_possible": invoice["parent"] is not None,
        "cards": TEST_CARDS,
    }


def _receipt_address(tx: Tx, invoice: Obj) -> str | None:
    """The page of the charge that paid it."""
    paid = tx.select("invoice_payment", "json ->> '$.invoice' = ? AND json ->> '$.status' = 'paid'", invoice["id"])
    named = paid[0]["payment"].get("payment_intent") if paid else None
    charge_id = None if named is None else tx.get("payment_intent", named)["latest_charge"]
    return None if charge_id is None else f"/receipts/{charge_id}"


def _invoice_totals(invoice: Obj) -> View:
    """Its lines, what is taken off, the total and, where credit pays for some of it, what is left to pay."""
    currency, total = invoice["currency"], invoice["total"]
    discount = sum(entry["amount"] for entry in invoice["total_discount_amounts"])
    sums, last = _sums(invoice, discount, "subtotal"), ("Total", total)
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
    words = {"draft": "Draft", "open": "To be paid", "void": "Void", "uncollectible": "Written off"}
    return f"Paid on {show_date(paid_at)}" if paid_at else words[invoice["status"]]


def _invoice_lines(invoice: Obj) -> list[View]:
    return [
        {
            "name": line["description"],
            "note": _period(line["period"]),
            "amount": format_amount(line["amount"], line["currency"]),
        }
        for line in invoice["_"]["lines"]
    ]


def address_text(address: Obj | None) -> str:
    """An address on one line; empty where there is none."""
    keys = ("line1", "line2", "postal_code", "city", "state", "country")
    return ", ".join(address[key] for key in keys if address[key]) if address else ""


def _period(period: Obj) -> str | None:
    same = period["start"] == period["end"]
    return None if same else f"{show_date(period['start'])} to {show_date(period['end'])}"


def paper_view(invoice: Obj) -> View:
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


_CHARGE_WORDS = {"succeeded": "Paid", "pending": "Not settled yet", "failed": "Failed"}


def receipt_view(charge: Obj) -> View:
    """The receipt of one charge."""
    card = charge["payment_method_details"]["card"]
    amount = format_amount(charge["amount"], charge["currency"])
    returned = charge["amount_refunded"]
    return {
        "heading": "Receipt",
        "facts": [
            ("Date", show_date(charge["created"])),
            ("Card", f"{card['brand'].capitalize()} ending in {card['last4']}"),
            ("Status", _CHARGE_WORDS[charge["status"]]),
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
