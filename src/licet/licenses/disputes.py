"""What the status of a dispute means for licenses.

Inquiries (`warning_*`), prevented disputes and unknown statuses have no effect: Stripe adds statuses now and then, and
nobody is locked out because of one. Source: contract, section 4; docs/decisions/license-state.md.
"""

from collections.abc import Iterable
from typing import Literal

Dispute = Literal["none", "open", "won", "lost"]

DISPUTE_STATUSES: dict[str, Dispute] = {"needs_response": "open", "under_review": "open", "won": "won", "lost": "lost"}
"""Stripe's dispute statuses that affect licenses, by what they mean for them."""


def worst_dispute(statuses: Iterable[str]) -> Dispute:
    """The dispute that counts among all on a purchase: a lost one, else an open one, else a won one."""
    disputes = {_dispute(status) for status in statuses}
    order: tuple[Dispute, ...] = ("lost", "open", "won")
    return next((dispute for dispute in order if dispute in disputes), "none")


def _dispute(status: str) -> Dispute:
    # An appeal reopens a dispute that was decided.
    return "open" if status.startswith("appeal_") else DISPUTE_STATUSES.get(status, "none")
