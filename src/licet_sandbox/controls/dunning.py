"""What follows failed retries, as a control: `{"afterRetries", "retryDays"}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.collection.dunning import AFTER_RETRIES, Dunning
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.controls.body import Body

_MOST_TRIES, _MOST_DAYS = 8, 60


def read(body: Body) -> Dunning:
    """The settings that a body asks for; what it leaves out is the default."""
    after_retries = body.choice("afterRetries", AFTER_RETRIES)
    days = body.all().pop("retryDays", list(Dunning.retry_days))
    body.end()
    whole = isinstance(days, list) and all(type(day) is int and 1 <= day <= _MOST_DAYS for day in days)
    if not whole or len(days) > _MOST_TRIES:
        message = f"retryDays is a list of at most {_MOST_TRIES} whole numbers from 1 to {_MOST_DAYS}."
        raise invalid(message, param="retryDays")
    return Dunning(after_retries, tuple(days))


def show(dunning: Dunning) -> dict[str, Any]:
    """The settings in force."""
    return {"afterRetries": dunning.after_retries, "retryDays": list(dunning.retry_days)}
