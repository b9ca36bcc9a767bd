"""Reads and shows the dunning settings: `{"afterRetries", "retryDays"}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.collection.dunning import AFTER_RETRIES, Dunning
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.controls.body import Body

_MAX_RETRIES, _MAX_DAYS = 8, 60


def read_dunning(body: Body) -> Dunning:
    """The settings of a body; absent fields have their defaults."""
    after_retries = body.choice("afterRetries", AFTER_RETRIES)
    days = body.all().pop("retryDays", list(Dunning.retry_days))
    body.end()
    whole = isinstance(days, list) and all(type(day) is int and 1 <= day <= _MAX_DAYS for day in days)
    if not whole or len(days) > _MAX_RETRIES:
        message = f"retryDays must be a list of at most {_MAX_RETRIES} whole numbers from 1 to {_MAX_DAYS}."
        raise invalid(message, param="retryDays")
    return Dunning(after_retries, tuple(days))


def dunning_view(dunning: Dunning) -> dict[str, Any]:
    """The settings as JSON."""
    return {"afterRetries": dunning.after_retries, "retryDays": list(dunning.retry_days)}
