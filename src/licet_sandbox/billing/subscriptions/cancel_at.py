"""A subscription with `cancel_at` within a period: the period ends then and is billed until then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.invoices.debits import credits_from
from licet_sandbox.billing.periods import period_end
from licet_sandbox.billing.subscriptions.proration import credit_unused, reverse_credit

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def clip_period_end(subscription: Obj, end: int) -> int:
    """The end of a period, or `cancel_at` if that is earlier; a trial's period is not shortened."""
    cancel_at = subscription["cancel_at"]
    return end if cancel_at is None or subscription["status"] == "trialing" else min(end, cancel_at)


def natural_period_end(subscription: Obj, item: Obj) -> int:
    """When an item's current period ends without a cancellation."""
    if subscription["status"] == "trialing":
        return int(subscription["trial_end"])
    return period_end(subscription["billing_cycle_anchor"], item["current_period_start"], item["price"]["recurring"])


def move_period_ends(tx: Tx, subscription: Obj, before: Obj, *, prorating: bool) -> list[Obj]:
    """Shortens or extends the periods after a change of `cancel_at`.

    Lost time is credited; regained time reverses that credit.
    """
    if before["cancel_at"] == subscription["cancel_at"] or subscription["status"] == "trialing":
        return []
    made: list[Obj] = []
    for item in subscription["items"]["data"]:
        old, new = item["current_period_end"], clip_period_end(subscription, natural_period_end(subscription, item))
        item["current_period_end"] = new
        if prorating and new < old:
            made += credit_unused(tx, subscription, item, new)
        elif new > old:
            made += _reverse_credits(tx, subscription, item, old)
    return made


def _reverse_credits(tx: Tx, subscription: Obj, item: Obj, old_end: int) -> list[Obj]:
    """Deletes the pending credit for the time after the old `cancel_at`, or charges it again."""
    again = []
    for credit in credits_from(tx, subscription, item["id"], old_end):
        if credit["invoice"] is None:
            tx.delete(credit, "invoiceitem.deleted")
        else:
            again.append(reverse_credit(tx, subscription, item, credit))
    return again
