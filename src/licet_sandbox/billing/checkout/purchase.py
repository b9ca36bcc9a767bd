"""What a paid checkout creates: a subscription, or the invoice of a one-time purchase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.checkout.totals import find_offer
from licet_sandbox.billing.collection import collection
from licet_sandbox.billing.discounts.discounts import create_discount
from licet_sandbox.billing.invoices.invoices import finalize_invoice, link_payment, make_invoice
from licet_sandbox.billing.invoices.lines import one_time_line
from licet_sandbox.billing.subscriptions.subscriptions import make_subscription, start_paid_subscription

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_DAY = 24 * 3600


def saves_card(session: Obj) -> bool:
    """True if the card is saved for later payments."""
    data = session["_"]["payment_intent_data"]
    return session["mode"] != "payment" or data.get("setup_future_usage") is not None


def creates_invoice(session: Obj) -> bool:
    """True if the one-time purchase creates an invoice."""
    return session["invoice_creation"] is not None and bool(session["invoice_creation"]["enabled"])


def create_subscription(tx: Tx, session: Obj, customer: Obj, intent: Obj | None, method: Obj | None) -> None:
    """Creates the subscription with its first invoice, which is already paid.

    intent: None if nothing was due.
    """
    data: dict[str, Any] = session["_"]["subscription_data"]
    chosen, extras = _lines(tx, session)
    trial_days, trial_end = data.get("trial_period_days"), data.get("trial_end")
    if trial_days:
        trial_end = tx.now + trial_days * _DAY
    subscription = make_subscription(
        tx,
        customer,
        chosen,
        status="trialing" if trial_end else "active",
        trial_end=trial_end,
        default_payment_method=method["id"] if method is not None else None,
        metadata=data.get("metadata") or {},
        **{key: data[key] for key in ("description", "billing_mode", "trial_settings") if data.get(key) is not None},
    )
    subscription["invoice_settings"] |= data.get("invoice_settings", {})
    subscription["discounts"] = apply_offer(tx, session, subscription["id"])
    invoice = start_paid_subscription(tx, subscription, extras, intent)
    session |= {"subscription": subscription["id"], "invoice": invoice["id"]}


def _lines(tx: Tx, session: Obj) -> tuple[list[dict[str, Any]], list[tuple[Obj, int]]]:
    """The recurring lines, as items; the one-time lines, as (price, quantity)."""
    chosen, extras = [], []
    for line in session["_"]["line_items"]:
        price = tx.get("price", line["price"]["id"])
        if price["type"] == "recurring":
            chosen.append({"price": price, "quantity": line["quantity"], "metadata": {}})
        else:
            extras.append((price, line["quantity"]))
    return chosen, extras


def create_invoice(tx: Tx, session: Obj, customer: Obj, intent: Obj | None) -> None:
    """Creates the invoice of a one-time purchase, already paid."""
    data: dict[str, Any] = session["invoice_creation"]["invoice_data"]
    lines = [one_time_line(tx, customer["id"], price, quantity) for price, quantity in _lines(tx, session)[1]]
    invoice = make_invoice(
        tx,
        customer,
        lines,
        billing_reason="manual",
        auto_advance=False,
        paid_ahead=True,
        description=data["description"],
        footer=data["footer"],
        custom_fields=data["custom_fields"],
        metadata=data["metadata"] or {},
        attempt_count=0 if intent is None else 1,
        discounts=apply_offer(tx, session),
    )
    finalize_invoice(tx, invoice)
    collection.record_payment(tx, invoice, None if intent is None else link_payment(tx, invoice, intent))
    session["invoice"] = invoice["id"]


def apply_offer(tx: Tx, session: Obj, subscription_id: str | None = None) -> list[str]:
    """Creates the session's discount, if it has one; returns the ids of the discounts."""
    offer = find_offer(tx, session)
    if offer is None:
        return []
    where = {"checkout_session": session["id"], "customer": session["customer"], "subscription": subscription_id}
    return [create_discount(tx, offer, **where)]
