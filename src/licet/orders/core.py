"""The status of an order, decided from its payment, its refunds and its subscription."""

from dataclasses import dataclass
from typing import Literal

OrderStatus = Literal["pending", "paid", "partially_refunded", "refunded", "failed", "expired", "cancelled"]

PAID_STATUSES = frozenset({"paid", "no_payment_required"})


@dataclass(frozen=True)
class OrderFacts:
    """The facts that decide an order's status. Amounts are in minor units of one currency.

    amount_paid: a refund of this amount is a full refund.
    amount_undone: the part of `amount_refunded` for a duplicate plan that was undone while other lines stay. It alone
    is never a full refund.
    all_ended: every line is recurring and the subscription has ended.
    """

    session_status: str
    payment_status: str
    payment_failed: bool
    amount_paid: int
    amount_refunded: int
    all_ended: bool
    amount_undone: int = 0


def order_status(facts: OrderFacts) -> OrderStatus:
    """Return the status of an order. The first status that applies wins.

    After payment: refunded, cancelled, partially_refunded, paid. Before: failed, expired, pending.
    Source: contract, section 2, Orders.
    """
    if facts.payment_status in PAID_STATUSES and facts.session_status == "complete":
        if 0 < facts.amount_paid - facts.amount_undone <= facts.amount_refunded - facts.amount_undone:
            return "refunded"
        if facts.all_ended:
            return "cancelled"
        return "partially_refunded" if facts.amount_refunded > 0 else "paid"
    if facts.payment_failed:
        return "failed"
    return "expired" if facts.session_status == "expired" else "pending"
