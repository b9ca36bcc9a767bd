"""A customer pauses or resumes a subscription in the portal. Repeating either one changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import resumption
from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.portal import portal_pauses
from licet_sandbox.errors import invalid
from licet_sandbox.resources.portal.operations import run_operation
from licet_sandbox.resources.subscriptions import subscription_pauses

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def may_pause(subscription: Obj) -> bool:
    """True if the API can pause the subscription and it is not scheduled to cancel."""
    return (
        subscription["status"] in {"active", "past_due", "unpaid"}
        and subscription["billing_mode"]["type"] == "flexible"
        and subscription["schedule"] is None
        and subscription["cancel_at"] is None
    )


def pause(tx: Tx, feature: Obj, subscription: Obj, choice: str | None) -> None:
    """Pause a subscription immediately, for a configured duration or until it is resumed.

    choice: index of the duration in the configuration's `interval_options`
    """
    if subscription["status"] == "paused":
        return
    if not may_pause(subscription):
        raise invalid("This subscription cannot be paused here.", status=403)
    until = portal_pauses.pause_ends_at(feature, tx.now, choice)
    run_operation(subscription_pauses.pause, tx, {}, subscription["id"])
    if until is not None:
        tx.schedule("subscription.pause_end", subscription["id"], until)


def resume(tx: Tx, subscription: Obj) -> str | None:
    """Resume a paused subscription. Returns the id of an invoice that must be paid first, or None."""
    if ended(subscription):
        raise invalid("This subscription has ended.", status=403)
    if subscription["status"] == "paused" and resumption.resumption_invoice_id(subscription) is None:
        flexible = subscription["billing_mode"]["type"] == "flexible"
        given = {"payment_behavior": "resume_on_payment_success"} if flexible else {}
        run_operation(subscription_pauses.resume, tx, given, subscription["id"])
    return resumption.resumption_invoice_id(subscription)
