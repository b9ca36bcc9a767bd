"""Promotion codes: customers enter them to redeem a coupon."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from licet_sandbox.billing.discounts.coupons import check_coupon
from licet_sandbox.errors import invalid
from licet_sandbox.ids import random_text
from licet_sandbox.kit.fields import merge_metadata, metadata_of
from licet_sandbox.kit.lists import Where, page, same

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_CODE = re.compile(r"[A-Za-z0-9-]{1,500}")


def create(tx: Tx, p: Params) -> Obj:
    """Create a code for a valid coupon."""
    p.refuse("customer_account")
    promotion = p.sub("promotion")
    promotion.need("type")
    coupon = tx.named("coupon", promotion.need("coupon"), promotion.name("coupon"))
    check_coupon(coupon, None, promotion.name("coupon"))
    customer = p.text("customer")
    if customer is not None:
        tx.named("customer", customer, "customer")
    active = p.get("active", True)
    text = p.text("code") or random_text(8).upper()
    if not _CODE.fullmatch(text):
        raise invalid("Invalid code: only letters, digits and dashes are allowed.", param="code")
    if active:
        _check_unused(tx, text, customer)
    code = tx.create(
        "promotion_code",
        "promotion_code.created",
        active=active,
        code=text,
        customer=customer,
        expires_at=_expiry(tx, p, coupon),
        max_redemptions=_most(p, coupon),
        metadata=metadata_of(p),
        promotion={"type": "coupon", "coupon": coupon["id"]},
        restrictions=_restrictions(p),
    )
    if code["expires_at"] is not None:
        tx.schedule("promotion_code.expire", code["id"], code["expires_at"])
    return code


def _check_unused(tx: Tx, text: str, customer: str | None) -> None:
    where = "lower(json ->> '$.code') = lower(?) AND json ->> '$.active' AND json ->> '$.customer' IS ?"
    if tx.select("promotion_code", where, text, customer):
        raise invalid(f"An active promotion code with `code: {text}` already exists.", param="code")


def _expiry(tx: Tx, p: Params, coupon: Obj) -> int | None:
    until: int | None = p.get("expires_at")
    if until is not None and until <= tx.now:
        raise invalid("`expires_at` must be in the future.", param="expires_at")
    if until is not None and coupon["redeem_by"] is not None and until > coupon["redeem_by"]:
        raise invalid("`expires_at` must not be after the coupon's `redeem_by`.", param="expires_at")
    # Without `expires_at`, the code still ends with its coupon.
    return until


def _most(p: Params, coupon: Obj) -> int | None:
    most: int | None = p.get("max_redemptions")
    if most is not None and most < 1:
        raise invalid("Invalid positive integer", param="max_redemptions", code="parameter_invalid_integer")
    if most is not None and coupon["max_redemptions"] is not None and most > coupon["max_redemptions"]:
        message = "`max_redemptions` must not be greater than the coupon's `max_redemptions`."
        raise invalid(message, param="max_redemptions")
    return most


def _restrictions(p: Params) -> Obj:
    given = p.sub("restrictions")
    least, currency = given.get("minimum_amount"), given.text("minimum_amount_currency")
    if (least is None) != (currency is None):
        raise given.missing("minimum_amount" if least is None else "minimum_amount_currency")
    if least is not None and least < 1:
        raise invalid("Invalid positive integer", param=given.name("minimum_amount"), code="parameter_invalid_integer")
    made: Obj = {
        "first_time_transaction": given.get("first_time_transaction", False),
        "minimum_amount": least,
        "minimum_amount_currency": currency.lower() if currency is not None else None,
    }
    return made | _options(given)


def _options(given: Params) -> Obj:
    options = given.get("currency_options")
    if not options:
        return {}
    return {
        "currency_options": {
            key.lower(): {"minimum_amount": one.get("minimum_amount", 0)} for key, one in options.items()
        }
    }


def retrieve(tx: Tx, _: Params, code_id: str) -> Obj:
    """Retrieve a promotion code."""
    return tx.get("promotion_code", code_id)


def update(tx: Tx, p: Params, code_id: str) -> Obj:
    """Deactivate a code, or activate it again while its coupon is valid and it is not used up."""
    code = tx.get("promotion_code", code_id)
    if "active" in p:
        active = p.get("active")
        if active and not code["active"]:
            _check_may_activate(tx, code)
        code["active"] = active
    code["restrictions"] |= _options(p.sub("restrictions"))
    merge_metadata(code, p)
    return tx.save(code, "promotion_code.updated")


def _check_may_activate(tx: Tx, code: Obj) -> None:
    coupon = tx.find(code["promotion"]["coupon"])
    used_up = code["max_redemptions"] is not None and code["times_redeemed"] >= code["max_redemptions"]
    late = code["expires_at"] is not None and code["expires_at"] <= tx.now
    if coupon is None or not coupon["valid"] or used_up or late:
        message = "This promotion code cannot be activated: it, or its coupon, is expired or used up."
        raise invalid(message, param="active")
    _check_unused(tx, code["code"], code["customer"])


def list_all(tx: Tx, p: Params) -> Obj:
    """List promotion codes, newest first; `code` ignores case."""
    p.refuse("customer_account")
    wheres: list[Where] = []
    if "code" in p:
        wheres.append(("lower(json ->> '$.code') = lower(?)", (p.get("code"),)))
    if "coupon" in p:
        wheres.append(("json ->> '$.promotion.coupon' = ?", (p.get("coupon"),)))
    return page(tx, p, "promotion_code", "/v1/promotion_codes", same(p, "active", "customer"), wheres)
