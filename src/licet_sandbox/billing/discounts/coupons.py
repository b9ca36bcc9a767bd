"""Coupons and promotion codes: whether they can be redeemed, and their redemption counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.discounts.amounts import amount_off_in
from licet_sandbox.errors import invalid, not_found

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def get_coupon(tx: Tx, coupon_id: str) -> Obj:
    """The coupon with this id. A deleted one is returned in its last version, with `valid` false."""
    found = tx.find_last_version(coupon_id)
    if found is None:
        raise not_found("coupon", coupon_id)
    return found


def check_coupon(coupon: Obj, currency: str | None, param: str) -> None:
    """Raises a 400 for a coupon that is no longer valid, or has no amount in this currency."""
    if not coupon["valid"]:
        raise invalid(f"Coupon {coupon['id']} is used up or expired, and cannot be applied.", param=param)
    if currency is not None and coupon["percent_off"] is None and amount_off_in(coupon, currency) is None:
        message = f"The coupon `{coupon['id']}` takes off an amount in {coupon['currency']}, not in {currency}."
        raise invalid(message, param=param)


def check_code(
    tx: Tx, code: Obj, param: str, *, customer: str | None, currency: str | None, amount: int | None = None
) -> Obj:
    """The coupon behind a promotion code; 400 if this customer cannot redeem it now.

    amount: the purchase in minor units; None: not known
    """
    coupon = get_coupon(tx, code["promotion"]["coupon"])
    if not code["active"]:
        raise invalid("This promotion code is not active, and cannot be redeemed.", param=param)
    if code["customer"] is not None and code["customer"] != customer:
        raise invalid("This promotion code cannot be redeemed by this customer.", param=param)
    restrictions = code["restrictions"]
    if restrictions["first_time_transaction"] and customer is not None and _has_paid(tx, customer):
        message = "This promotion code cannot be redeemed because the associated customer has prior transactions."
        raise invalid(message, param=param)
    least = _minimum(restrictions, currency)
    if amount is not None and least is not None and amount < least:
        raise invalid(f"This promotion code needs a purchase of at least {least} {currency}.", param=param)
    check_coupon(coupon, currency, param)
    return coupon


def find_code(tx: Tx, text: str) -> Obj | None:
    """The active promotion code with this text, in any case; or None."""
    where = "lower(json ->> '$.code') = lower(?) AND json ->> '$.active'"
    found = tx.select("promotion_code", where, text.strip())
    return found[-1] if found else None


def redeem(tx: Tx, coupon: Obj, code: Obj | None) -> None:
    """Counts one redemption, and deactivates a coupon or code that reaches its limit.

    Redemptions of a deleted coupon are not counted.
    """
    if tx.find(coupon["id"]) is None:
        return
    coupon["times_redeemed"] += 1
    if coupon["max_redemptions"] is not None and coupon["times_redeemed"] >= coupon["max_redemptions"]:
        coupon["valid"] = False
    tx.save(coupon, "coupon.updated")
    if code is not None:
        code["times_redeemed"] += 1
        if code["max_redemptions"] is not None and code["times_redeemed"] >= code["max_redemptions"]:
            code["active"] = False
        tx.save(code, "promotion_code.updated")
    if not coupon["valid"]:
        deactivate_codes(tx, coupon)


def deactivate_codes(tx: Tx, coupon: Obj) -> None:
    """Deactivates the promotion codes of a coupon that is no longer valid."""
    where = "json ->> '$.promotion.coupon' = ? AND json ->> '$.active'"
    for code in tx.select("promotion_code", where, coupon["id"]):
        code["active"] = False
        tx.save(code, "promotion_code.updated")


def expire_coupon(tx: Tx, coupon_id: str) -> None:
    """Makes a coupon invalid at its `redeem_by`."""
    coupon = tx.find(coupon_id)
    if coupon is not None and coupon["valid"]:
        coupon["valid"] = False
        tx.save(coupon, "coupon.updated")
        deactivate_codes(tx, coupon)


def expire_code(tx: Tx, code_id: str) -> None:
    """Deactivates a promotion code at its `expires_at`."""
    code = tx.get("promotion_code", code_id)
    code["active"] = False
    tx.save(code, "promotion_code.updated")


def _has_paid(tx: Tx, customer: str) -> bool:
    paid = "json ->> '$.customer' = ? AND json ->> '$.status' = 'succeeded'"
    return bool(tx.select("payment_intent", paid, customer))


def _minimum(restrictions: Obj, currency: str | None) -> int | None:
    if currency is None:
        return None
    if restrictions["minimum_amount_currency"] == currency:
        least: int | None = restrictions["minimum_amount"]
        return least
    option = restrictions.get("currency_options", {}).get(currency)
    return None if option is None else option["minimum_amount"]
