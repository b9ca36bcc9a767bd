"""The removed fields of older layouts, computed from the current objects for `layouts.py`."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from licet_sandbox.kit.plans import plan_of
from licet_sandbox.spec.shapes import public

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def _expanded(tx: Tx, object_id: str | None) -> Obj | None:
    """The whole object, which the old shape has in place of its id; or None."""
    found = tx.find(object_id, deleted=True) if object_id is not None else None
    return None if found is None else public(found)


def old_session(_: Tx, session: Obj) -> Obj:
    """Before dahlia: other values of `ui_mode`."""
    names = {"hosted_page": "hosted", "embedded_page": "embedded", "elements": "custom", "form": "custom"}
    return {"ui_mode": names.get(session["ui_mode"])}


def old_session_shipping(_: Tx, session: Obj) -> Obj:
    """Before basil: `shipping_details` at the top level."""
    return {"shipping_details": (session["collected_information"] or {}).get("shipping_details")}


def old_discount(tx: Tx, discount: Obj) -> Obj:
    """Before clover: the whole coupon."""
    return {"coupon": _expanded(tx, discount["source"]["coupon"])}


def old_promotion_code(tx: Tx, code: Obj) -> Obj:
    """Before clover: the whole coupon."""
    return {"coupon": _expanded(tx, code["promotion"]["coupon"])}


def _first_discount(tx: Tx, obj: Obj) -> Obj | None:
    return next((_expanded(tx, entry) if isinstance(entry, str) else entry for entry in obj["discounts"]), None)


def old_subscription(tx: Tx, subscription: Obj) -> Obj:
    """Before basil: one period for all items; here that of the item whose period ends first."""
    first = min(subscription["items"]["data"], key=lambda item: item["current_period_end"])
    period = {key: first[key] for key in ("current_period_start", "current_period_end")}
    return period | {"discount": _first_discount(tx, subscription)}


def old_schedule(_: Tx, schedule: Obj) -> Obj:
    """Before basil: one coupon per phase."""

    def of_phase(phase: Obj) -> Obj:
        coupons = [entry["coupon"] for entry in phase["discounts"] if entry["coupon"] is not None]
        return {**phase, "coupon": coupons[0] if coupons else None}

    return {"phases": [of_phase(phase) for phase in schedule["phases"]]}


def old_price(_: Tx, price: Obj) -> Obj:
    """Before basil: `recurring[aggregate_usage]`."""
    recurring = price["recurring"]
    return {"recurring": None if recurring is None else {"aggregate_usage": None, **recurring}}


def old_plan(_: Tx, __: Obj) -> Obj:
    """Before basil: `aggregate_usage`."""
    return {"aggregate_usage": None}


def old_invoice(tx: Tx, invoice: Obj) -> Obj:
    """Before basil: subscription, payment and taxes as fields of the top level."""
    parent = invoice["parent"] or {}
    details, taxes = parent.get("subscription_details") or {}, invoice["total_taxes"] or []
    proration_date = details.get("subscription_proration_date")
    return {
        **_payment_of_invoice(tx, invoice),
        "application_fee_amount": None,
        "discount": _first_discount(tx, invoice),
        "paid": invoice["status"] == "paid",
        "quote": (parent.get("quote_details") or {}).get("quote"),
        "subscription": details.get("subscription"),
        "subscription_details": {"metadata": details.get("metadata")},
        "tax": sum(tax["amount"] for tax in taxes) if taxes else None,
        "total_tax_amounts": [_tax_amount(tax) for tax in taxes],
        "transfer_data": None,
        **({} if proration_date is None else {"subscription_proration_date": proration_date}),
    }


def _payment_of_invoice(tx: Tx, invoice: Obj) -> Obj:
    """The invoice's single payment, from when it is finalized; its charge, from the first attempt."""
    payments = tx.select("invoice_payment", "json ->> '$.invoice' = ?", invoice["id"]) if "id" in invoice else []
    last: Obj = payments[-1]["payment"] if payments else {}
    intent = _expanded(tx, last.get("payment_intent"))
    charge = last.get("charge") or (intent or {}).get("latest_charge")
    paid = invoice["status"] == "paid"
    paid_here = any(payment["status"] == "paid" for payment in payments)
    out_of_band = paid and invoice["amount_due"] > 0 and not paid_here
    return {
        # An out-of-band payment was not counted.
        **({"amount_paid": 0} if out_of_band else {}),
        "payment_intent": None if invoice["status"] == "draft" else last.get("payment_intent"),
        "charge": charge if paid or invoice["attempt_count"] else None,
        "paid_out_of_band": out_of_band,
    }


def _tax_amount(tax: Obj) -> Obj:
    return {
        "amount": tax["amount"],
        "inclusive": tax["tax_behavior"] == "inclusive",
        "tax_rate": (tax["tax_rate_details"] or {}).get("tax_rate"),
        "taxability_reason": tax["taxability_reason"],
        "taxable_amount": tax["taxable_amount"],
    }


def old_line(tx: Tx, line: Obj) -> Obj:
    """Before basil: the whole price, and the origin of the line at the top level."""
    parent = line["parent"] or {}
    of_item = parent.get("subscription_item_details")
    details = of_item or parent.get("invoice_item_details") or {}
    bought = details.get("invoice_item")
    amounts = [_tax_amount(tax) for tax in line["taxes"] or []]
    untaxed = line["amount"] - sum(amount["amount"] for amount in amounts if amount["inclusive"])
    rates = [_expanded(tx, amount["tax_rate"]) for amount in amounts]
    return {
        **_priced(tx, line),
        "amount_excluding_tax": untaxed,
        "proration": details.get("proration", False),
        "proration_details": details.get("proration_details") or {"credited_items": None},
        "subscription": details.get("subscription"),
        "tax_amounts": amounts,
        "tax_rates": [rate for rate in rates if rate is not None],
        "type": "invoiceitem" if bought else "subscription",
        "unit_amount_excluding_tax": _each(untaxed, line["quantity"]),
        **({"invoice_item": bought} if bought else {}),
        **({"subscription_item": of_item["subscription_item"]} if of_item else {}),
    }


def old_invoice_item(tx: Tx, item: Obj) -> Obj:
    """Before basil: the whole price, and the subscription at the top level."""
    details = (item["parent"] or {}).get("subscription_details") or {}
    decimal = (item["pricing"] or {}).get("unit_amount_decimal")
    exact = None if decimal is None else Decimal(decimal)
    return {
        **_priced(tx, item),
        "subscription": details.get("subscription"),
        "unit_amount": int(exact) if exact is not None and exact == int(exact) else None,
        "unit_amount_decimal": decimal,
        **({"subscription_item": details["subscription_item"]} if "subscription_item" in details else {}),
    }


def _priced(tx: Tx, billed: Obj) -> Obj:
    details = (billed["pricing"] or {}).get("price_details") or {}
    price = _expanded(tx, details.get("price"))
    return {"price": price, "plan": plan_of(price) if price is not None and price["recurring"] is not None else None}


def _each(amount: int, quantity: int | None) -> str | None:
    """The amount of one unit, as a decimal string with at most 12 places."""
    if not quantity:
        return None
    return f"{(Decimal(amount) / quantity).quantize(Decimal('1e-12')).normalize():f}"


def old_intent(tx: Tx, intent: Obj) -> Obj:
    """Before basil: the invoice that it pays."""
    return {"invoice": _invoice_paid_by(tx, intent["id"])}


def old_charge(tx: Tx, charge: Obj) -> Obj:
    """Before basil: the invoice that it pays."""
    return {"invoice": _invoice_paid_by(tx, charge["payment_intent"])}


def _invoice_paid_by(tx: Tx, intent_id: str | None) -> str | None:
    if intent_id is None:
        return None
    intent = tx.find(intent_id)
    found = tx.select("invoice_payment", "json ->> '$.payment.payment_intent' = ?", intent_id)
    # An intent's first event comes before the payment that links it.
    hint: str | None = (intent or {}).get("_", {}).get("invoice")
    return found[-1]["invoice"] if found else hint
