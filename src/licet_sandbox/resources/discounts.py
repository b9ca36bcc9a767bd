"""The parameter `discounts`, wherever it stands: coupons and promotion codes to use, or discounts to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.coupons import check_code, check_coupon
from licet_sandbox.billing.discounts import Offer, drop, grant
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_MOST = 20


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


def set_discounts(
    tx: Tx, holder: Obj, p: Params, *, currency: str, customer: str, ancestors: Sequence[str] = (), **where: str
) -> None:
    """Let exactly these discounts stand on `holder` from now on; an absent parameter changes nothing.

    ancestors: discounts of what stands above it, which may be named as well. `where`: what new discounts stand on.
    The caller saves.
    """
    if "discounts" not in p:
        return
    entries = p.subs("discounts")
    if len(entries) > _MOST:
        raise invalid(f"You can pass at most {_MOST} discounts.", param=p.name("discounts"))
    before = list(holder["discounts"] or [])
    kept = []
    for entry in entries:
        offer = read_offer(tx, entry, currency=currency, customer=customer)
        if offer is not None:
            kept.append(grant(tx, offer, customer=customer, **where))
            continue
        named = entry.need("discount")
        if named not in before and named not in ancestors:
            message = f"No such discount on this object: '{named}'"
            raise invalid(message, param=entry.name("discount"), code="resource_missing")
        kept.append(named)
    for gone in before:
        if gone not in kept and gone not in ancestors:
            drop(tx, gone)
    holder["discounts"] = kept
