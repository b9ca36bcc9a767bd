"""The parameter `discounts`, wherever it stands: coupons and promotion codes to use, or discounts to keep."""

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

_MOST = 20


@dataclass(frozen=True)
class Use:
    """What discounts are wanted for: a customer's, in this currency, for this much (minor units; None: not known)."""

    customer: str
    currency: str
    amount: int | None = None


def read_offer(
    tx: Tx, p: Params, *, currency: str | None, customer: str | None, amount: int | None = None
) -> Offer | None:
    """The coupon or promotion code that one entry names, checked; None where it names neither."""
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


def set_discounts(tx: Tx, holder: Obj, p: Params, use: Use, *, ancestors: Sequence[str] = (), **where: str) -> None:
    """Let exactly these discounts stand on `holder` from now on; an absent parameter changes nothing.

    ancestors: discounts of what stands above it, which may be named as well. `where`: what new discounts stand on.
    One that takes the place of one other is a switch, and a single event. The caller saves.
    """
    if "discounts" not in p:
        return
    before = list(holder["discounts"] or [])
    wanted = [_wanted(tx, entry, use, [*before, *ancestors]) for entry in _entries(p)]
    gone = [one for one in before if one not in wanted and one not in ancestors]
    fresh = [one for one in wanted if isinstance(one, Offer)]
    instead = gone[0] if len(gone) == len(fresh) == 1 else None
    for one in gone if instead is None else []:
        delete_discount(tx, one)
    holder["discounts"] = [
        create_discount(tx, one, instead=instead, customer=use.customer, **where) if isinstance(one, Offer) else one
        for one in wanted
    ]


def _entries(p: Params) -> list[Params]:
    entries = p.subs("discounts")
    if len(entries) > _MOST:
        raise invalid(f"You can pass at most {_MOST} discounts.", param=p.name("discounts"))
    return entries


def _wanted(tx: Tx, entry: Params, use: Use, known: Sequence[str]) -> Offer | str:
    """A coupon to redeem, or the id of a discount that is there already."""
    offer = read_offer(tx, entry, currency=use.currency, customer=use.customer, amount=use.amount)
    if offer is not None:
        return offer
    named: str = entry.need("discount")
    if named not in known:
        message = f"No such discount on this object: '{named}'"
        raise invalid(message, param=entry.name("discount"), code="resource_missing")
    return named


def new_discounts(tx: Tx, p: Params, use: Use, **where: str) -> list[str]:
    """The ids of the discounts for something that is being made."""
    made: Obj = {"discounts": []}
    set_discounts(tx, made, p, use, **where)
    found: list[str] = made["discounts"]
    return found


def read_discounts(tx: Tx, p: Params, currency: str, customer_id: str) -> list[Obj]:
    """What is put to use when the phase of a schedule begins; checked now."""
    entries = []
    for given in p.subs("discounts"):
        if read_offer(tx, given, currency=currency, customer=customer_id) is None:
            discount = tx.named("discount", given.need("discount"), given.name("discount"))
            if discount["customer"] != customer_id:
                raise not_found("discount", discount["id"], param=given.name("discount"), status=400)
        entries.append({name: given.text(name) for name in ("coupon", "discount", "promotion_code")})
    return entries
