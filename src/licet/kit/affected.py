"""The purchases that a mirrored object affects, and the objects that must be read from Stripe."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID


@dataclass(frozen=True)
class Affected:
    """Stripe ids by kind of object, from which `find_purchases` finds the purchases to settle.

    account_id: the account of the object, if known.
    reads: (kind, id) of the objects to read, because the payload does not contain enough.
    ignored: the reason if the whole object is ignored.
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


def ids(*values: str | None) -> frozenset[str]:
    """A set of the ids that are not None or empty."""
    return frozenset(value for value in values if value)
