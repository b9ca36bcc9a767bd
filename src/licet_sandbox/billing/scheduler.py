"""The handler of each kind of due work. The order within one second is `RANKS` in `state/tx.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing import upcoming
from licet_sandbox.billing.checkout import checkout_sessions
from licet_sandbox.billing.collection import (
    collection,
    draft_invoices,
    paused_collection,
    pending_updates,
    resumption,
    sent_invoices,
    subscription_status,
)
from licet_sandbox.billing.customers import test_clocks
from licet_sandbox.billing.discounts import coupons, discounts
from licet_sandbox.billing.portal import portal_pauses
from licet_sandbox.billing.refunds_and_disputes import disputes, refunds
from licet_sandbox.billing.schedules import subscription_schedules
from licet_sandbox.billing.subscriptions import subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from licet_sandbox.state.tx import Tx

HANDLERS: dict[str, Callable[[Tx, str], None]] = {
    "coupon.expire": coupons.expire_coupon,
    "promotion_code.expire": coupons.expire_code,
    "discount.end": discounts.end_discount_due,
    "checkout.expire": checkout_sessions.expire_due,
    "subscription.incomplete_expire": subscription_status.expire_incomplete,
    "subscription.resumption_expire": resumption.expire_resumption,
    "subscription.update_expire": pending_updates.expire_update,
    "subscription.trial_will_end": subscriptions.warn_trial_end,
    "subscription.upcoming_invoice": upcoming.emit_upcoming,
    "schedule.turn": subscription_schedules.transition,
    "schedule.expiring": subscription_schedules.warn_expiring,
    "subscription.cancel": subscriptions.cancel_due,
    "subscription.collect_again": paused_collection.resume_collection,
    "subscription.pause_end": portal_pauses.end_pause_due,
    "subscription.cycle": subscriptions.renew,
    "invoice.finalize": draft_invoices.finalize_due,
    "invoice.retry": collection.retry,
    "invoice.overdue": sent_invoices.mark_overdue,
    "refund.outcome": refunds.outcome_due,
    "charge.dispute": disputes.open_for_card,
    "dispute.decide": disputes.decide_due,
    "dispute.deadline": disputes.deadline_due,
    "test_clock.expire": test_clocks.expire_clock,
}
