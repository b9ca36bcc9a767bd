"""Which of two states of one Stripe object is the newer.

Events arrive in any order, and `created` has whole seconds: one purchase sends several events in one of them.

1. Another second decides; but a read's time is our clock's, not Stripe's, so near a read time decides nothing.
2. In the same second, equal objects are the same state; `.created` is older and `.deleted` newer than any other event.
3. Then what is final wins: nothing follows it.
4. Then the one whose `previous_attributes` fit the other came after it. Values recur (a quantity goes up and down
   again), so this only chooses what to hold meanwhile, and Stripe is asked.
5. What is left is unclear, and Stripe is asked.

Source: docs/decisions/order-does-not-matter.md.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

from licet.kit.statuses import ENDED

CLOCK_SKEW = timedelta(seconds=300)
"""How far our clock may be from Stripe's, as far as signatures allow: this near a read, times are not compared."""


class Rank(IntEnum):
    """What an event's type says of its place in the object's life."""

    CREATED = 0
    OTHER = 1
    DELETED = 2

    @classmethod
    def of_type(cls, event_type: str) -> "Rank":
        """The rank of an event type such as `customer.subscription.deleted`."""
        if event_type.endswith(".created"):
            return cls.CREATED
        return cls.DELETED if event_type.endswith(".deleted") else cls.OTHER


class Verdict(StrEnum):
    """What an incoming state is, against the one we hold; `SEEMS_` where Stripe must be asked all the same."""

    NEWER = "newer"
    SAME = "same"
    STALE = "stale"
    SEEMS_NEWER = "seems_newer"
    SEEMS_STALE = "seems_stale"
    UNCLEAR = "unclear"

    @property
    def sure(self) -> bool:
        """Whether nothing needs to be read."""
        return self in (Verdict.NEWER, Verdict.SAME, Verdict.STALE)

    @property
    def applies(self) -> bool:
        """Whether the incoming state is what we hold from now on."""
        return self in (Verdict.NEWER, Verdict.SEEMS_NEWER)


@dataclass(frozen=True)
class Version:
    """A state of one object, and how new it is.

    as_of: `created` of the event that brought it, or for a read the time just before asking.
    previous: the event's `previous_attributes`; None where it has none.
    """

    object: dict[str, Any]
    as_of: datetime
    rank: Rank
    was_read: bool = False
    previous: dict[str, Any] | None = None


def compare(held: Version | None, incoming: Version) -> Verdict:
    """What `incoming`, brought by an event, is against what we hold."""
    if held is None:
        return Verdict.NEWER
    apart = incoming.as_of - held.as_of
    leeway = CLOCK_SKEW if held.was_read or incoming.was_read else timedelta()
    if apart > leeway:
        return Verdict.NEWER
    if -apart > leeway:
        return Verdict.STALE
    return _within_one_second(held, incoming)


def _within_one_second(held: Version, incoming: Version) -> Verdict:
    if held.object == incoming.object:
        return Verdict.SAME
    if held.rank != incoming.rank and Rank.OTHER in (held.rank, incoming.rank):
        return Verdict.NEWER if incoming.rank > held.rank else Verdict.STALE
    if held.rank != incoming.rank:
        return Verdict.NEWER if incoming.rank is Rank.DELETED else Verdict.STALE
    if is_final(held.object) != is_final(incoming.object):
        return Verdict.NEWER if is_final(incoming.object) else Verdict.STALE
    follows = _fits(incoming.previous, held.object)
    precedes = _fits(held.previous, incoming.object)
    if follows != precedes:
        return Verdict.SEEMS_NEWER if follows else Verdict.SEEMS_STALE
    return Verdict.UNCLEAR


def _fits(previous: dict[str, Any] | None, other: dict[str, Any]) -> bool:
    """Whether `other` has the values that `previous` says were there before the change."""
    return bool(previous) and _has(other, previous)


def _has(value: Any, part: Any) -> bool:
    if isinstance(part, dict) and isinstance(value, dict):
        return all(key in value and _has(value[key], wanted) for key, wanted in part.items())
    return bool(value == part)


FINAL: dict[str, dict[str, frozenset[str | None]]] = {
    "subscription": {"status": frozenset(ENDED)},
    "invoice": {"status": frozenset({"paid", "void"})},
    "refund": {"status": frozenset({"failed", "canceled"})},
    # Detached: Stripe attaches it to nobody again.
    "payment_method": {"customer": frozenset({None})},
    "subscription_schedule": {"status": frozenset({"completed", "released", "canceled"})},
    "checkout.session": {
        "status": frozenset({"expired"}),
        "payment_status": frozenset({"paid", "no_payment_required"}),
    },
}
"""By kind of object and field, the values that nothing follows.

A dispute has none: one that was won or lost may be appealed, and an inquiry that was closed may come back as a dispute.
"""


def is_final(obj: dict[str, Any]) -> bool:
    """Whether this state is one that nothing follows.

    A session without payment due carries `no_payment_required` from its creation, so its status must say complete too.
    """
    fields = FINAL.get(obj.get("object", ""), {})
    if obj.get("object") == "checkout.session" and obj.get("status") == "open":
        return False
    return any(obj.get(field) in values for field, values in fields.items())
