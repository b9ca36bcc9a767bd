"""An invoice's amounts, computed from its lines, its discounts and its customer's balance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.discounts.discounts import apply_discounts
from licet_sandbox.billing.invoices.customer_balance import balance_in
from licet_sandbox.kit.currencies import minimum_charge, round_to_step

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# How many lines and items Stripe includes in the object; the list operation returns the others.
SHOWN_LINES = 10


def compute_invoice_totals(tx: Tx, invoice: Obj) -> None:
    """Sets every amount of a draft, in minor units; the caller saves.

    The lines are in `invoice["_"]["lines"]`. A negative `total` or `starting_balance` is credit.
    """
    lines = invoice["_"]["lines"]
    apply_discounts(tx, invoice)
    invoice["lines"] = {
        "object": "list",
        "data": lines[:SHOWN_LINES],
        "has_more": len(lines) > SHOWN_LINES,
        "url": f"/v1/invoices/{invoice['id']}/lines",
    }
    subtotal = sum(line["amount"] for line in lines)
    discounted = sum(entry["amount"] for entry in invoice["total_discount_amounts"])
    total = subtotal - discounted
    balance = _balance_of(tx, invoice)
    due = _due(invoice, total + balance)
    invoice |= {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": total,
        "total_excluding_tax": total,
        "starting_balance": balance,
        "amount_due": due,
        "amount_remaining": due - invoice["amount_paid"],
    }


def ending_balance_of(invoice: Obj) -> int:
    """The customer's balance after this invoice: unused credit, or an amount too small to charge."""
    return int(invoice["starting_balance"] + invoice["total"] - invoice["amount_due"])


def _balance_of(tx: Tx, invoice: Obj) -> int:
    customer = tx.find(invoice["customer"])
    if customer is None or invoice["_"]["paid_ahead"]:
        return 0
    return balance_in(customer, invoice["currency"])


def _due(invoice: Obj, amount: int) -> int:
    """The amount due: 0 if credit covers it, or if it is below the minimum charge.

    It is rounded to what the currency can charge; the difference goes to the customer's balance.
    """
    if invoice["_"]["paid_ahead"]:
        return max(amount, 0)
    rounded = round_to_step(amount, invoice["currency"])
    return 0 if rounded < minimum_charge(invoice["currency"]) else rounded
