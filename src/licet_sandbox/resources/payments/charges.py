"""Charges: one per payment attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.errors import invalid
from licet_sandbox.kit.fields import email_of, merge_metadata, shipping_of
from licet_sandbox.kit.lists import page, same

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def retrieve(tx: Tx, _: Params, charge_id: str) -> Obj:
    """Retrieve a charge."""
    return tx.get("charge", charge_id)


def update(tx: Tx, p: Params, charge_id: str) -> Obj:
    """Update a charge. Its customer and transfer group can be set once, but not changed."""
    charge = tx.get("charge", charge_id)
    if "description" in p:
        charge["description"] = p.text("description")
    if "receipt_email" in p:
        charge["receipt_email"] = email_of(p, "receipt_email")
    if "customer" in p:
        _fill(charge, p, "customer")
        tx.named("customer", charge["customer"], "customer")
    if "transfer_group" in p:
        _fill(charge, p, "transfer_group")
    if "fraud_details" in p:
        report = p.sub("fraud_details").text("user_report")
        charge["fraud_details"] = {"user_report": report} if report else {}
    if "shipping" in p:
        charge["shipping"] = shipping_of(p.sub("shipping"))
    merge_metadata(charge, p)
    return tx.save(charge, "charge.updated")


def list_all(tx: Tx, p: Params) -> Obj:
    """List charges, newest first."""
    return page(tx, p, "charge", "/v1/charges", same(p, "customer", "payment_intent", "transfer_group"))


def _fill(charge: Obj, p: Params, name: str) -> None:
    if charge[name] not in {None, p.need(name)}:
        raise invalid(f"This charge already has a {name}; it cannot be changed.", param=name)
    charge[name] = p.get(name)
