"""The parameter `discounts` of any object: coupons and promotion codes to apply, discounts to keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from licet_sandbox.billing.discounts.coupons import check_code, check_coupon
from licet_sandbox.billing.discounts.discounts import Offer, create_discount, delete_discount
from licet_sandbox.errors import invalid, not_found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_MAX_DISCOUNTS = 20


@dataclass(frozen=True)
class DiscountContext:
    """What a discount applies to: customer, currency, and amount in minor units (None: not known)."""

    customer: str
    currency: str
    amount: int | None = None


def read_offer(
    tx: Tx, p: Params, *, currency: str | None, customer: str | None, amount: int | None = None
) -> Offer | None:
    """The coupon or promotion code that one entry names, checked; None if it names neither."""
    named = [name for name in ("coupon", "promotion_code", "discount") if p.text(name)]
    if len(named) > 1:
        raise invalid("You may only specify one of these parameters: coupon, promotion_code.", param=p.name(named[1]))
    if p.text("coupon"):
        coupon = tx.named("coupon", p.need("coupon"), p.name("coupon"))
        check_coupon(coupon, currency, p.name("coupon"))
        return Offer(coupon)
    if p.text("promotion_code"):
        param = p.name("promotion_code")
        code = tx.named("promotion_code", p.need("promotion_code"), param)
        return Offer(check_code(tx, code, param, customer=customer, currency=currency, amount=amount), code)
    return None


def set_discounts(
    tx: Tx, holder: Obj, p: Params, use: DiscountContext, *, ancestors: Sequence[str] = (), **where: str
) -> None:
    """Replace the discounts of `holder`; an absent parameter changes nothing.

    ancestors: discounts of the parent object, which may be kept by naming them
    where: the field and id of the object that new discounts are granted on
    Exchanging one discount for another sends a single event. The caller saves `holder`.
    """
    if "discounts" not in p:
        return
    before = list(holder["discounts"] or [])
    entries = [_offer_or_discount(tx, entry, use, [*before, *ancestors]) for entry in _entries(p)]
    removed = [discount for discount in before if discount not in entries and discount not in ancestors]
    added = [entry for entry in entries if isinstance(entry, Offer)]
    instead = removed[0] if len(removed) == len(added) == 1 else None
    for discount in removed if instead is None else []:
        delete_discount(tx, discount)
    holder["discounts"] = [
        create_discount(tx, entry, instead=instead, customer=use.customer, **where)
        if isinstance(entry, Offer)
        else entry
        for entry in entries
    ]


def _entries(p: Params) -> list[Params]:
    entries = p.subs("discounts")
    if len(entries) > _MAX_DISCOUNTS:
        raise invalid(f"You can pass at most {_MAX_DISCOUNTS} discounts.", param=p.name("discounts"))
    return entries


def _offer_or_discount(tx: Tx, entry: Params, use: DiscountContext, known: Sequence[str]) -> Offer | str:
    """The coupon or promotion code to redeem, or the id of an existing discount to keep."""
    offer = read_offer(tx, entry, currency=use.currency, customer=use.customer, amount=use.amount)
    if offer is not None:
        return offer
    named: str = entry.need("discount")
    if named not in known:
        message = f"No such discount on this object: '{named}'"
        raise invalid(message, param=entry.name("discount"), code="resource_missing")
    return named


def new_discounts(tx: Tx, p: Params, use: DiscountContext, **where: str) -> list[str]:
    """Grant the discounts of an object that is being created; returns their ids."""
    made: Obj = {"discounts": []}
    set_discounts(tx, made, p, use, **where)
    found: list[str] = made["discounts"]
    return found


def read_discounts(tx: Tx, p: Params, currency: str, customer_id: str) -> list[Obj]:
    """The discounts of a schedule's phase. They are checked now and granted when the phase begins."""
    entries = []
    for given in p.subs("discounts"):
        if read_offer(tx, given, currency=currency, customer=customer_id) is None:
            discount = tx.named("discount", given.need("discount"), given.name("discount"))
            if discount["customer"] != customer_id:
                raise not_found("discount", discount["id"], param=given.name("discount"), status=400)
        entries.append({name: given.text(name) for name in ("coupon", "discount", "promotion_code")})
    return entries
