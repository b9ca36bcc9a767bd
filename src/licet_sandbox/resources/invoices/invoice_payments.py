"""Invoice payments: the link between an invoice and its payment intent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.errors import unsupported
from licet_sandbox.kit.lists import Where, page, same

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def retrieve(tx: Tx, _: Params, payment_id: str) -> Obj:
    """Retrieve an invoice payment."""
    return tx.get("invoice_payment", payment_id)


def list_all(tx: Tx, p: Params) -> Obj:
    """List invoice payments, newest first; filter by `invoice` or by `payment[payment_intent]`."""
    wheres: list[Where] = []
    payment = p.sub("payment")
    if payment:
        if payment.need("type") != "payment_intent":
            raise unsupported("payment records", param="payment[type]")
        intent_id = payment.need("payment_intent")
        wheres.append(("json ->> '$.payment.payment_intent' = ?", (intent_id,)))
    return page(
        tx, p, "invoice_payment", "/v1/invoice_payments", same(p, "invoice", "status"), wheres, owned=bool(payment)
    )
