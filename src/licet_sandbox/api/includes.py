"""Fields that an object includes only when they are expanded, and how to compute them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.spec.shapes import Obj, empty_list, public

if TYPE_CHECKING:
    from collections.abc import Callable

    from licet_sandbox.state.tx import Tx


def _list(data: list[Obj], url: str, limit: int = 10) -> Obj:
    return {"object": "list", "data": data[:limit], "has_more": len(data) > limit, "url": url}


def _line_items(tx: Tx, session: Obj) -> Obj:
    stored = tx.get("checkout.session", session["id"])
    return _list(stored["_"]["line_items"], f"/v1/checkout/sessions/{session['id']}/line_items")


def _breakdown(tx: Tx, session: Obj) -> Obj:
    """The amount of each discount. Discounts are granted when the session completes."""
    granted = tx.select("discount", "json ->> '$.checkout_session' = ?", session["id"])
    amount = session["total_details"]["amount_discount"]
    return {"discounts": [{"amount": amount, "discount": public(one)} for one in granted], "taxes": []}


def _payments(tx: Tx, invoice: Obj) -> Obj:
    found = tx.select("invoice_payment", "json ->> '$.invoice' = ?", invoice["id"])
    return _list(found[::-1], "/v1/invoice_payments")


def _paid_off_stripe(tx: Tx, invoice: Obj) -> int:
    through_stripe = tx.select(
        "invoice_payment", "json ->> '$.invoice' = ? AND json ->> '$.status' = 'paid'", invoice["id"]
    )
    return int(invoice["amount_paid"] - sum(payment["amount_paid"] for payment in through_stripe))


def _confirmation_secret(tx: Tx, invoice: Obj) -> Obj | None:
    payments = tx.select("invoice_payment", "json ->> '$.invoice' = ? AND json ->> '$.status' = 'open'", invoice["id"])
    if not payments:
        return None
    intent = tx.get("payment_intent", payments[-1]["payment"]["payment_intent"])
    return {"type": "payment_intent", "client_secret": intent["client_secret"]}


def _refunds(tx: Tx, charge: Obj) -> Obj:
    found = tx.select("refund", "json ->> '$.charge' = ?", charge["id"])
    return _list(found[::-1], f"/v1/charges/{charge['id']}/refunds")


def _subscriptions(tx: Tx, customer: Obj) -> Obj:
    where = "json ->> '$.customer' = ? AND json ->> '$.status' NOT IN ('canceled', 'incomplete_expired')"
    found = tx.select("subscription", where, customer["id"])
    return _list(found[::-1], f"/v1/customers/{customer['id']}/subscriptions")


def _kept(name: str) -> Callable[[Tx, Obj], Obj | None]:
    """Returns a reader of a field that a coupon includes only when expanded; null if it has none."""

    def kept(tx: Tx, coupon: Obj) -> Obj | None:
        stored = tx.find_last_version(coupon["id"])
        return stored["_"][name] or None if stored is not None else None

    return kept


def _credit_balance(tx: Tx, customer: Obj) -> Obj:
    """The credit per currency. Unlike in `balance`, credit is positive here."""
    stored = tx.get("customer", customer["id"])
    own = {stored["currency"]: stored["balance"]} if stored["currency"] is not None else {}
    return {currency: -amount for currency, amount in {**own, **stored.get("_", {}).get("balances", {})}.items()}


INCLUDES: dict[tuple[str, str], Callable[[Tx, Obj], Obj | int | None]] = {
    ("checkout.session", "line_items"): _line_items,
    ("checkout.session", "total_details.breakdown"): _breakdown,
    ("invoice", "payments"): _payments,
    ("invoice", "amount_paid_off_stripe"): _paid_off_stripe,
    ("invoice", "confirmation_secret"): _confirmation_secret,
    ("charge", "refunds"): _refunds,
    ("coupon", "applies_to"): _kept("applies_to"),
    ("coupon", "currency_options"): _kept("currency_options"),
    ("customer", "invoice_credit_balance"): _credit_balance,
    ("customer", "subscriptions"): _subscriptions,
    ("customer", "sources"): lambda _, customer: empty_list(f"/v1/customers/{customer['id']}/sources"),
    ("customer", "tax_ids"): lambda _, customer: empty_list(f"/v1/customers/{customer['id']}/tax_ids"),
}
