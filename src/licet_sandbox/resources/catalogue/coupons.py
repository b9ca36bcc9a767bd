"""Coupons: a percentage or an amount off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.discounts.coupons import deactivate_codes
from licet_sandbox.errors import invalid
from licet_sandbox.ids import random_text
from licet_sandbox.kit.fields import currency_of, merge_metadata, metadata_of
from licet_sandbox.kit.lists import page

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_FIVE_YEARS = 5 * 366 * 24 * 3600
# A century, so that the end of the discount is still a valid date.
_MAX_MONTHS = 1200


def create(tx: Tx, p: Params) -> Obj:
    """Create a coupon, with a chosen or random id. The id of a deleted coupon can be used again."""
    coupon_id = p.text("id") or random_text(8)
    if tx.find(coupon_id) is not None:
        raise invalid("Coupon already exists.", param="id", code="resource_already_exists")
    tx.free_id(coupon_id)
    months, most, until = _duration(p), p.get("max_redemptions"), p.get("redeem_by")
    if most is not None and most < 1:
        raise invalid("Invalid positive integer", param="max_redemptions", code="parameter_invalid_integer")
    if until is not None and not tx.now < until <= tx.now + _FIVE_YEARS:
        raise invalid("`redeem_by` must be in the future, within five years.", param="redeem_by")
    products = _products(tx, p)
    coupon = tx.create(
        "coupon",
        "coupon.created",
        id=coupon_id,
        duration=p.get("duration", "once"),
        duration_in_months=months,
        max_redemptions=most,
        metadata=metadata_of(p),
        name=p.text("name"),
        redeem_by=until,
        valid=True,
        **_value(p),
        # Returned only when expanded.
        _={
            "applies_to": None if products is None else {"products": products},
            "currency_options": _options(p),
        },
    )
    if until is not None:
        tx.schedule("coupon.expire", coupon_id, until)
    return coupon


def _value(p: Params) -> Obj:
    percent, amount = p.get("percent_off"), p.get("amount_off")
    if (percent is None) == (amount is None):
        message = "You must pass exactly one of `percent_off` and `amount_off`."
        raise invalid(message, param="percent_off" if percent is not None else "amount_off")
    if amount is None:
        for name in ("currency", "currency_options"):
            if name in p:
                raise invalid(f"`{name}` can only be passed with `amount_off`.", param=name)
        if not 0 < percent <= 100:
            raise invalid("Invalid percent_off: it must be above 0, and at most 100.", param="percent_off")
        return {"percent_off": percent, "amount_off": None, "currency": None}
    _positive(amount, "amount_off")
    p.need("currency")
    return {"percent_off": None, "amount_off": amount, "currency": currency_of(p)}


def _options(p: Params) -> Obj:
    given = p.get("currency_options")
    if not given:
        return {}
    for currency, option in given.items():
        _positive(option["amount_off"], f"currency_options[{currency}][amount_off]")
    return {key.lower(): {"amount_off": one["amount_off"]} for key, one in given.items()}


def _positive(amount: int, param: str) -> None:
    if amount < 1:
        raise invalid("Invalid positive integer", param=param, code="parameter_invalid_integer")


def _duration(p: Params) -> int | None:
    repeating, months = p.get("duration", "once") == "repeating", p.get("duration_in_months")
    if repeating and months is None:
        raise p.missing("duration_in_months")
    if months is not None and not repeating:
        message = "`duration_in_months` can only be passed with `duration=repeating`."
        raise invalid(message, param="duration_in_months")
    if months is not None and not 1 <= months <= _MAX_MONTHS:
        message = "Invalid positive integer" if months < 1 else f"Invalid integer: at most {_MAX_MONTHS} months."
        raise invalid(message, param="duration_in_months", code="parameter_invalid_integer")
    return int(months) if months is not None else None


def _products(tx: Tx, p: Params) -> list[str] | None:
    given = p.sub("applies_to")
    if "products" not in given:
        return None
    return [tx.named("product", one, given.name("products"))["id"] for one in given.get("products")]


def retrieve(tx: Tx, _: Params, coupon_id: str) -> Obj:
    """Retrieve a coupon."""
    return tx.get("coupon", coupon_id)


def update(tx: Tx, p: Params, coupon_id: str) -> Obj:
    """Update the name, metadata or currency options. The discount itself cannot change."""
    coupon = tx.get("coupon", coupon_id)
    if "name" in p:
        coupon["name"] = p.text("name")
    if "currency_options" in p:
        if coupon["percent_off"] is not None:
            raise invalid("This coupon has a percentage, not an amount.", param="currency_options")
        coupon["_"]["currency_options"] = {**coupon["_"]["currency_options"], **_options(p)}
    merge_metadata(coupon, p)
    return tx.save(coupon, "coupon.updated")


def delete(tx: Tx, _: Params, coupon_id: str) -> Obj:
    """Delete a coupon. It cannot be redeemed any more; discounts that use it stay."""
    coupon = tx.get("coupon", coupon_id)
    coupon["valid"] = False
    tx.save(coupon)
    deactivate_codes(tx, coupon)
    tx.unschedule(coupon_id)
    return tx.delete(coupon, "coupon.deleted")


def list_all(tx: Tx, p: Params) -> Obj:
    """List coupons, newest first."""
    return page(tx, p, "coupon", "/v1/coupons")
