"""Pauses that end by themselves, as a customer chose in the portal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection import resumption
from licet_sandbox.billing.schedules.phases import lasts_until
from licet_sandbox.billing.subscriptions import pauses
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def ends_at(feature: Obj, now: int, choice: str | None) -> int | None:
    """When a pause ends (epoch seconds): after the chosen one of the configuration's durations; None: when resumed."""
    duration = feature["duration"]
    if duration["type"] == "indefinite":
        return None
    options = duration["interval_options"]
    named = {str(place): option for place, option in enumerate(options)}
    option = options[0] if choice is None and len(options) == 1 else named.get(choice or "")
    if option is None:
        raise invalid("Choose how long to pause.", param="duration")
    return lasts_until(now, now, option["interval"], option["interval_count"])


def end_due(tx: Tx, subscription_id: str) -> None:
    """The time has come: it is resumed, if it pays for that."""
    subscription = tx.get("subscription", subscription_id)
    if subscription["status"] == "paused" and resumption.awaited(subscription) is None:
        pauses.resume(tx, subscription, pauses.Resuming(on_success=True))
