"""Lines of an open checkout whose quantity the buyer may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.checkout.totals import total_up
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

MOST = 999999
# What a quantity can be changed to where the seller names no other bounds. Source: Stripe, "Adjustable quantities".
LEAST_BY_DEFAULT, MOST_BY_DEFAULT = 0, 99


def adjustable(session: Obj) -> list[Obj]:
    """The lines of which the buyer may want more or less."""
    return [line for line in session["_"]["line_items"] if line["adjustable_quantity"] is not None]


def adjust(tx: Tx, session: Obj, line_id: str | None, quantity: int) -> None:
    """The buyer wants so many of this line (None: of the only one). 400 where the seller does not want that."""
    lines = [line for line in adjustable(session) if line_id in (None, line["id"])]
    if session["status"] != "open" or len(lines) != 1:
        raise invalid("The quantity of this line cannot be changed.", param="quantity")
    bounds = lines[0]["adjustable_quantity"]
    # None at all would leave nothing to pay for, or an item of nothing.
    least = max(1, bounds["minimum"])
    if not least <= quantity <= bounds["maximum"]:
        raise invalid(f"The quantity must be from {least} to {bounds['maximum']}.", param="quantity")
    lines[0]["quantity"] = quantity
    total_up(tx, session)
    tx.save(session)
