"""What falls due, and who does it. The order within one second is `RANKS` in `state/tx.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing import (
    by_mail,
    checkout,
    collection,
    coupons,
    discounts,
    disputes,
    holding,
    pending_updates,
    portal_pauses,
    refunds,
    resumption,
    schedules,
    standing,
    subscriptions,
    test_clocks,
    upcoming,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from licet_sandbox.state.tx import Tx

HANDLERS: dict[str, Callable[[Tx, str], None]] = {
    "coupon.expire": coupons.expire_coupon,
    "promotion_code.expire": coupons.expire_code,
    "discount.end": discounts.end_due,
    "checkout.expire": checkout.expire_due,
    "subscription.incomplete_expire": standing.expire_incomplete,
    "subscription.resumption_expire": resumption.expire,
    "subscription.update_expire": pending_updates.expire,
    "subscription.trial_will_end": subscriptions.warn_of_trial_end,
    "subscription.upcoming_invoice": upcoming.announce,
    "schedule.turn": schedules.turn,
    "schedule.expiring": schedules.warn,
    "subscription.cancel": subscriptions.cancel_due,
    "subscription.collect_again": holding.collect_again,
    "subscription.pause_end": portal_pauses.end_due,
    "subscription.cycle": subscriptions.cycle,
    "invoice.finalize": collection.finalize_due,
    "invoice.retry": collection.retry,
    "invoice.overdue": by_mail.become_overdue,
    "refund.outcome": refunds.bring_outcome,
    "charge.dispute": disputes.open_for_card,
    "dispute.decide": disputes.decide_due,
    "dispute.deadline": disputes.deadline,
    "test_clock.expire": test_clocks.expire,
}
