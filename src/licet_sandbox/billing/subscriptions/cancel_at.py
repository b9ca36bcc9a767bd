"""A subscription that ends within a period: the period ends then, and the time after it is not billed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.invoices.debits import credits_from
from licet_sandbox.billing.periods import period_end
from licet_sandbox.billing.subscriptions.proration import charge_again, credit_unused

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def clip(subscription: Obj, end: int) -> int:
    """The end of a period, or the subscription's own end where that comes first; a trial's period stays whole."""
    cancel_at = subscription["cancel_at"]
    return end if cancel_at is None or subscription["status"] == "trialing" else min(end, cancel_at)


def natural_end(subscription: Obj, item: Obj) -> int:
    """When the current period of an item ends unless the subscription does before."""
    if subscription["status"] == "trialing":
        return int(subscription["trial_end"])
    return period_end(subscription["billing_cycle_anchor"], item["current_period_start"], item["price"]["recurring"])


def move_ends(tx: Tx, subscription: Obj, before: Obj, *, prorating: bool) -> list[Obj]:
    """After `cancel_at` changed: shorter or longer periods, with a credit for the time that is lost, or its return."""
    if before["cancel_at"] == subscription["cancel_at"] or subscription["status"] == "trialing":
        return []
    made: list[Obj] = []
    for item in subscription["items"]["data"]:
        old, new = item["current_period_end"], clip(subscription, natural_end(subscription, item))
        item["current_period_end"] = new
        if prorating and new < old:
            made += credit_unused(tx, subscription, item, new)
        elif new > old:
            made += _take_back(tx, subscription, item, old)
    return made


def _take_back(tx: Tx, subscription: Obj, item: Obj, old_end: int) -> list[Obj]:
    """The credit for the time after the end that was planned: gone while it is pending, else charged again."""
    again = []
    for credit in credits_from(tx, subscription, item["id"], old_end):
        if credit["invoice"] is None:
            tx.delete(credit, "invoiceitem.deleted")
        else:
            again.append(charge_again(tx, subscription, item, credit))
    return again
