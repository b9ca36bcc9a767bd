"""Charges: one per try to pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.kit.fields import merge_metadata
from licet_sandbox.kit.lists import page, same

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
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
