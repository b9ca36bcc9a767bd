"""Settings for failed renewals: when they are retried, and what follows the last retry.

At Stripe these are settings of the account ("Manage failed payments"); here they are kept in the sandbox's file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from licet_sandbox.state.store import Store

_KEY = "dunning"
_DAY = 24 * 3600

AFTER_RETRIES = ("cancel", "unpaid", "past_due")


@dataclass(frozen=True)
class Dunning:
    """The settings for failed renewals.

    after_retries: one of `AFTER_RETRIES`; retry_days: whole days from each failed try to the next
    """

    after_retries: str = "cancel"
    retry_days: tuple[int, ...] = (3, 5, 7)

    def next_try(self, retries: int, now: int) -> int | None:
        """When to try next after this many retries, in epoch seconds; None after the last one."""
        return now + self.retry_days[retries] * _DAY if retries < len(self.retry_days) else None


def load_dunning(store: Store) -> Dunning:
    """The current settings."""
    stored = store.get_meta(_KEY)
    if stored is None:
        return Dunning()
    after_retries, retry_days = json.loads(stored)
    return Dunning(after_retries, tuple(retry_days))


def save_dunning(store: Store, dunning: Dunning) -> None:
    """Replaces the settings; a retry that is already scheduled keeps its time."""
    store.set_meta(_KEY, json.dumps([dunning.after_retries, dunning.retry_days]))
