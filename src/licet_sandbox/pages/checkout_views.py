"""Template values of the checkout page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.checkout.checkout_sessions import known_email, needs_card
from licet_sandbox.billing.checkout.totals import find_offer
from licet_sandbox.billing.invoices.lines import amount_of, describe_interval
from licet_sandbox.kit.currencies import format_amount
from licet_sandbox.pages.checkout_questions import adjustable_view, questions_view
from licet_sandbox.pages.formatting import discount_sums
from licet_sandbox.pages.offered_cards import TEST_CARDS
from licet_sandbox.pages.recurring_cost import recurring_cost_text, trial_text

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

    View = dict[str, Any]


def pay_view(tx: Tx, session: Obj) -> View:
    """The page to pay or subscribe."""
    lines, currency = session["_"]["line_items"], session["currency"]
    recurring = [line for line in lines if line["price"]["type"] == "recurring"]
    total = format_amount(session["amount_total"], currency)
    action = f"Pay {total}"
    if recurring:
        action = "Start trial" if trial_text(session) is not None else "Subscribe"
    return {
        "session_id": session["id"],
        "back": session["cancel_url"],
        "lines": [_line_view(line) for line in lines],
        "sums": discount_sums(session, session["total_details"]["amount_discount"], "amount_subtotal"),
        "code": _applied_code(tx, session),
        "takes_codes": bool(session["allow_promotion_codes"]),
        "total": total,
        "total_label": "Due today",
        "later": recurring_cost_text(tx, session, recurring) if recurring else None,
        "action": action,
        "known_email": known_email(tx, session),
        "wants_card": needs_card(session),
        "cards": TEST_CARDS,
        "adjustable": adjustable_view(session),
        **questions_view(session),
    }


def setup_view(tx: Tx, session: Obj) -> View:
    """The page that saves a card without a payment."""
    return {
        "session_id": session["id"],
        "back": session["cancel_url"],
        "known_email": known_email(tx, session),
        "cards": TEST_CARDS,
        **questions_view(session),
    }


def _applied_code(tx: Tx, session: Obj) -> str | None:
    """The promotion code that is applied."""
    offer = find_offer(tx, session)
    return str(offer.code["code"]) if offer is not None and offer.code is not None else None


def _line_view(line: Obj) -> View:
    price = line["price"]
    each = format_amount(amount_of(price, 1), price["currency"])
    per = f" per {describe_interval(price['recurring'])}" if price["recurring"] else ""
    return {
        "name": line["description"],
        "note": f"{line['quantity']} at {each}{per}",
        "amount": format_amount(line["amount_subtotal"], line["currency"]),
    }
