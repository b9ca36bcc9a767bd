"""Lines of an open checkout session whose quantity the buyer may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.checkout.totals import compute_session_totals
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

MAX_QUANTITY = 999999
# The bounds of an adjustable quantity without its own. Source: Stripe, "Adjustable quantities".
DEFAULT_MINIMUM, DEFAULT_MAXIMUM = 0, 99


def adjustable_lines(session: Obj) -> list[Obj]:
    """The lines with an adjustable quantity."""
    return [line for line in session["_"]["line_items"] if line["adjustable_quantity"] is not None]


def adjust_quantity(tx: Tx, session: Obj, line_id: str | None, quantity: int) -> None:
    """Sets the quantity of this line (None: of the only one).

    400 if the line is not adjustable or the quantity is out of its bounds.
    """
    lines = [line for line in adjustable_lines(session) if line_id in (None, line["id"])]
    if session["status"] != "open" or len(lines) != 1:
        raise invalid("The quantity of this line cannot be changed.", param="quantity")
    bounds = lines[0]["adjustable_quantity"]
    # A quantity of 0 would leave nothing to pay for, or an item without a quantity.
    least = max(1, bounds["minimum"])
    if not least <= quantity <= bounds["maximum"]:
        raise invalid(f"The quantity must be from {least} to {bounds['maximum']}.", param="quantity")
    lines[0]["quantity"] = quantity
    compute_session_totals(tx, session)
    tx.save(session)
