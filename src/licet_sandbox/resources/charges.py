"""Charges: one per try to pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.api.lists import page, same
from licet_sandbox.resources.common import merge_metadata

if TYPE_CHECKING:
    from licet_sandbox.api.params import Params
    from licet_sandbox.api.shapes import Obj
    from licet_sandbox.state.tx import Tx


def retrieve(tx: Tx, _: Params, charge_id: str) -> Obj:
    """One charge."""
    return tx.get("charge", charge_id)


def update(tx: Tx, p: Params, charge_id: str) -> Obj:
    """Change its description, receipt address or metadata."""
    charge = tx.get("charge", charge_id)
    for name in ("description", "receipt_email"):
        if name in p:
            charge[name] = p.text(name)
    merge_metadata(charge, p)
    return tx.save(charge, "charge.updated")


def list_all(tx: Tx, p: Params) -> Obj:
    """Charges, newest first."""
    return page(tx, p, "charge", "/v1/charges", same(p, "customer", "payment_intent", "transfer_group"))
