"""Refunds: create, update, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.refunds_and_disputes.refunds import cancel_refund, make_refund
from licet_sandbox.errors import invalid
from licet_sandbox.kit.fields import merge_metadata, metadata_of
from licet_sandbox.kit.lists import page, same

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def create(tx: Tx, p: Params) -> Obj:
    """Refund a charge, or the charge of a payment intent."""
    p.refuse("reverse_transfer", False)
    p.refuse("refund_application_fee", False)
    charge = _charge(tx, p)
    if "currency" in p and p.get("currency").lower() != charge["currency"]:
        raise invalid(f"The charge is in {charge['currency']}.", param="currency")
    return make_refund(tx, charge, p.get("amount"), reason=p.get("reason"), metadata=metadata_of(p))


def _charge(tx: Tx, p: Params) -> Obj:
    if ("charge" in p) == ("payment_intent" in p):
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise invalid(message)
    if "charge" in p:
        # Stripe answers 404 here, as if the id were in the path.
        return tx.get("charge", p.need("charge"))
    intent = tx.named("payment_intent", p.need("payment_intent"), "payment_intent")
    if intent["latest_charge"] is None:
        message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise invalid(message, param="payment_intent", code="payment_intent_unexpected_state")
    return tx.get("charge", intent["latest_charge"])


def retrieve(tx: Tx, _: Params, refund_id: str) -> Obj:
    """Retrieve a refund."""
    return tx.get("refund", refund_id, param="refund")


def update(tx: Tx, p: Params, refund_id: str) -> Obj:
    """Update a refund's metadata."""
    refund = tx.get("refund", refund_id, param="refund")
    merge_metadata(refund, p)
    return tx.save(refund, "refund.updated")


def cancel(tx: Tx, _: Params, refund_id: str) -> Obj:
    """Cancel a refund with status `requires_action`."""
    refund = tx.get("refund", refund_id, param="refund")
    cancel_refund(tx, refund)
    return refund


def list_all(tx: Tx, p: Params) -> Obj:
    """List refunds, newest first; 400 for a charge that does not exist."""
    if "charge" in p:
        tx.named("charge", p.get("charge"), "charge")
    return page(tx, p, "refund", "/v1/refunds", same(p, "charge", "payment_intent"))
