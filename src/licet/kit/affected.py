"""What a mirrored object may change: the purchases to settle anew, and what must first be read from Stripe."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID


@dataclass(frozen=True)
class Affected:
    """Stripe's ids, by the way they lead to licenses.

    reads: (kind, id) of what the payload did not settle.
    ignored: why there is nothing to do at all.
    """

    account_id: UUID | None = None
    subscriptions: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()
    invoices: frozenset[str] = frozenset()
    payment_intents: frozenset[str] = frozenset()
    charges: frozenset[str] = frozenset()
    reads: frozenset[tuple[str, str]] = frozenset()
    ignored: str | None = None

    def __or__(self, other: Self) -> "Affected":
        return Affected(
            self.account_id or other.account_id,
            self.subscriptions | other.subscriptions,
            self.sessions | other.sessions,
            self.invoices | other.invoices,
            self.payment_intents | other.payment_intents,
            self.charges | other.charges,
            self.reads | other.reads,
            self.ignored or other.ignored,
        )


def ids(*found: str | None) -> frozenset[str]:
    """Those of the ids that are there."""
    return frozenset(one for one in found if one)
