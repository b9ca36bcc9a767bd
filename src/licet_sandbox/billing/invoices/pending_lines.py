"""Lines for pending invoice items, which the next invoice bills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.invoices.invoice_items import pending_items
from licet_sandbox.billing.invoices.lines import item_line

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def pending_lines(tx: Tx, subscription: Obj) -> list[Obj]:
    """Lines for the pending items of this subscription and for those of no subscription."""
    of = (subscription["id"], None)
    items = pending_items(tx, subscription["customer"], subscription["currency"], of=of)
    return [item_line(tx, item) for item in items]
