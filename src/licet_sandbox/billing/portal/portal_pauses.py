"""Pauses with a duration that the customer chose in the portal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import resumption
from licet_sandbox.billing.schedules.phases import phase_end
from licet_sandbox.billing.subscriptions import pauses
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def pause_ends_at(feature: Obj, now: int, choice: str | None) -> int | None:
    """When the pause ends, in epoch seconds; None: it ends when the customer resumes.

    choice: the index of the chosen option; 400 if it is missing or unknown
    """
    duration = feature["duration"]
    if duration["type"] == "indefinite":
        return None
    options = duration["interval_options"]
    named = {str(place): option for place, option in enumerate(options)}
    option = options[0] if choice is None and len(options) == 1 else named.get(choice or "")
    if option is None:
        raise invalid("Choose how long to pause.", param="duration")
    return phase_end(now, now, option["interval"], option["interval_count"])


def end_pause_due(tx: Tx, subscription_id: str) -> None:
    """Resumes the subscription at the end of its pause, once its invoice is paid."""
    subscription = tx.get("subscription", subscription_id)
    if subscription["status"] == "paused" and resumption.resumption_invoice_id(subscription) is None:
        pauses.resume_subscription(tx, subscription, pauses.ResumeParams(on_success=True))
