"""The amounts of a checkout session: its lines, less a discount, before the payment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.discounts.amounts import DiscountableLine, allocate_discount
from licet_sandbox.billing.discounts.coupons import check_code, check_coupon, find_code, get_coupon
from licet_sandbox.billing.discounts.discounts import Offer
from licet_sandbox.billing.invoices.lines import amount_of
from licet_sandbox.errors import invalid
from licet_sandbox.kit.currencies import check_maximum, check_step, minimum_charge, too_small

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def compute_session_totals(tx: Tx, session: Obj) -> None:
    """Sets every amount of an open session, in minor units; the caller saves.

    During a trial the recurring lines are free. Raises a 400 if the total cannot be charged.
    """
    lines, data = session["_"]["line_items"], session["_"]["subscription_data"]
    trial = bool(data.get("trial_period_days") or data.get("trial_end"))
    for line in lines:
        free = trial and line["price"]["type"] == "recurring"
        line["amount_subtotal"] = 0 if free else amount_of(line["price"], line["quantity"])
    offer = find_offer(tx, session)
    off = [0 for _ in lines]
    if offer is not None:
        parts = [DiscountableLine(line["amount_subtotal"], line["price"]["product"]) for line in lines]
        off = allocate_discount(offer.coupon, parts, session["currency"])
    for line, amount in zip(lines, off, strict=True):
        line |= {"amount_discount": amount, "amount_total": line["amount_subtotal"] - amount}
    total = sum(line["amount_total"] for line in lines)
    session |= {
        "amount_subtotal": sum(line["amount_subtotal"] for line in lines),
        "amount_total": total,
        "payment_status": "unpaid" if total > 0 else "no_payment_required",
        "total_details": {"amount_discount": sum(off), "amount_shipping": 0, "amount_tax": 0},
    }
    _check_total(total, session["currency"])


def _check_total(total: int, currency: str) -> None:
    """400 for a total that cannot be charged: below the minimum, with too many digits, or a fraction."""
    check_maximum(total, currency, "line_items")
    check_step(total, currency, "line_items")
    if 0 < total < minimum_charge(currency):
        raise too_small(currency, "The Checkout Session's total amount due must add up to", None)


def find_offer(tx: Tx, session: Obj) -> Offer | None:
    """The coupon of the session, or the one behind its buyer's promotion code; or None."""
    for entry in session["discounts"] or []:
        if entry["promotion_code"] is not None:
            code = tx.get("promotion_code", entry["promotion_code"])
            return Offer(get_coupon(tx, code["promotion"]["coupon"]), code)
        return Offer(get_coupon(tx, entry["coupon"]))
    return None


def apply_promotion_code(tx: Tx, session: Obj, text: str) -> None:
    """Applies the buyer's promotion code; 400 if it is invalid or the session does not accept codes."""
    if not session["allow_promotion_codes"]:
        raise invalid("This checkout takes no promotion codes.", param="promotion_code")
    code = find_code(tx, text)
    if code is None:
        raise invalid("This code is invalid.", param="promotion_code")
    _check(tx, session, Offer(get_coupon(tx, code["promotion"]["coupon"]), code))
    session["discounts"] = [{"coupon": None, "promotion_code": code["id"]}]
    compute_session_totals(tx, session)
    tx.save(session)


def remove_promotion_code(tx: Tx, session: Obj) -> None:
    """Removes the buyer's promotion code."""
    if session["allow_promotion_codes"]:
        session["discounts"] = []
        compute_session_totals(tx, session)
        tx.save(session)


def check_offer(tx: Tx, session: Obj) -> None:
    """Raises a 400 if the coupon or code has since expired or reached its limit."""
    offer = find_offer(tx, session)
    if offer is not None:
        _check(tx, session, offer)


def _check(tx: Tx, session: Obj, offer: Offer) -> None:
    if offer.code is None:
        check_coupon(offer.coupon, session["currency"], "discounts")
        return
    facts = {"customer": session["customer"], "currency": session["currency"], "amount": session["amount_subtotal"]}
    check_code(tx, offer.code, "promotion_code", **facts)
