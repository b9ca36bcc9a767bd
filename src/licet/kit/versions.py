"""Rules: which of two versions of one Stripe object is newer.

Events arrive in any order, and `created` has whole seconds: one purchase sends several events in one second.

1. Nothing follows the final state of a subscription, an invoice or a refund, or the deletion of a customer, an invoice
   or a price, whatever the times say: they may be a little wrong.
2. A later second is newer. But a read is timed by Licet's clock, so near a read (`CLOCK_SKEW`) times are not compared.
3. In the same second, equal objects are the same version; `.created` is older and `.deleted` newer than other events.
4. Then a final state of another object is newer: nothing follows it in that second.
5. Then the version whose `previous_attributes` match the other one is newer. Values recur (a quantity goes up and down
   again), so this only chooses what to store for now, and the object is read from Stripe.
6. Otherwise the order is unclear, and the object is read from Stripe.

Source: docs/decisions/order-does-not-matter.md.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

from licet.kit.statuses import ENDED

CLOCK_SKEW = timedelta(seconds=300)
"""How far Licet's clock may differ from Stripe's, as for signatures. This close to a read, times are not compared."""


class Rank(IntEnum):
    """The stage of an object's life that an event reports, by the event's type."""

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
    """An incoming version compared with the stored one; `SEEMS_`: the object must still be read."""

    NEWER = "newer"
    SAME = "same"
    STALE = "stale"
    SEEMS_NEWER = "seems_newer"
    SEEMS_STALE = "seems_stale"
    UNCLEAR = "unclear"

    @property
    def sure(self) -> bool:
        """Whether the object need not be read from Stripe."""
        return self in (Verdict.NEWER, Verdict.SAME, Verdict.STALE)

    @property
    def applies(self) -> bool:
        """Whether the incoming version replaces the stored one."""
        return self in (Verdict.NEWER, Verdict.SEEMS_NEWER)


@dataclass(frozen=True)
class Version:
    """A version of one Stripe object.

    time: the version time: `created` of the event that carried it, or for a read Licet's time just before the request.
    was_read: whether it was read from Stripe, not carried by an event.
    previous: the event's `previous_attributes`; None if it has none.
    """

    object: dict[str, Any]
    time: datetime
    rank: Rank
    was_read: bool = False
    previous: dict[str, Any] | None = None


def compare(stored: Version | None, incoming: Version) -> Verdict:
    """Compare `incoming`, carried by an event, with the stored version."""
    if stored is None:
        return Verdict.NEWER
    if kind_of(incoming.object) in DELETED_FOR_GOOD and Rank.DELETED in (stored.rank, incoming.rank):
        return _deleted_for_good(stored.rank, incoming.rank)
    if kind_of(incoming.object) in FINAL_FOR_GOOD and is_final(stored.object) != is_final(incoming.object):
        return Verdict.NEWER if is_final(incoming.object) else Verdict.STALE
    apart = incoming.time - stored.time
    leeway = CLOCK_SKEW if stored.was_read or incoming.was_read else timedelta()
    if apart > leeway:
        return Verdict.NEWER
    if -apart > leeway:
        return Verdict.STALE
    return _within_one_second(stored, incoming)


def _deleted_for_good(stored: Rank, incoming: Rank) -> Verdict:
    if stored is incoming:
        return Verdict.SAME
    return Verdict.NEWER if incoming is Rank.DELETED else Verdict.STALE


def _within_one_second(stored: Version, incoming: Version) -> Verdict:
    if stored.object == incoming.object:
        return Verdict.SAME
    if stored.rank != incoming.rank and Rank.OTHER in (stored.rank, incoming.rank):
        return Verdict.NEWER if incoming.rank > stored.rank else Verdict.STALE
    if stored.rank != incoming.rank:
        return Verdict.NEWER if incoming.rank is Rank.DELETED else Verdict.STALE
    if is_final(stored.object) != is_final(incoming.object):
        return Verdict.NEWER if is_final(incoming.object) else Verdict.STALE
    follows = _matches(incoming.previous, stored.object)
    precedes = _matches(stored.previous, incoming.object)
    if follows != precedes:
        return Verdict.SEEMS_NEWER if follows else Verdict.SEEMS_STALE
    return Verdict.UNCLEAR


def _matches(previous: dict[str, Any] | None, other: dict[str, Any]) -> bool:
    """Whether `other` has the values from before the change that `previous` names."""
    return bool(previous) and _has(other, previous)


def _has(value: Any, part: Any) -> bool:
    if isinstance(part, dict) and isinstance(value, dict):
        return all(key in value and _has(value[key], expected) for key, expected in part.items())
    return bool(value == part)


FINAL: dict[str, dict[str, frozenset[str | None]]] = {
    "subscription": {"status": frozenset(ENDED)},
    "invoice": {"status": frozenset({"paid", "void"})},
    "refund": {"status": frozenset({"failed", "canceled"})},
    # Detached: Stripe does not allow it to be attached again.
    "payment_method": {"customer": frozenset({None})},
    "subscription_schedule": {"status": frozenset({"completed", "released", "canceled"})},
    "checkout.session": {
        "status": frozenset({"expired"}),
        "payment_status": frozenset({"paid", "no_payment_required"}),
    },
}
"""By kind of object and field, the values that are final: they never change again.

A dispute has none: a decided one may be appealed, and a closed inquiry may become a dispute.
"""

FINAL_FOR_GOOD = frozenset({"subscription", "invoice", "refund"})
"""Objects whose final state outlasts every other one, at any time.

The others may return: a payment method that was read before it was attached looks like one that is detached.
"""


DELETABLE = frozenset({"customer", "invoice", "price", "product"})
"""Objects that can be deleted. A subscription is not: `customer.subscription.deleted` reports its end."""

DELETED_FOR_GOOD = frozenset({"customer", "invoice", "price"})
"""Objects whose id Stripe never uses again. A product's id may be chosen, also that of a deleted product."""


def kind_of(obj: dict[str, Any]) -> str:
    """The value of an object's `object` field; empty if it has none."""
    kind = obj.get("object")
    return kind if isinstance(kind, str) else ""


def is_final(obj: dict[str, Any]) -> bool:
    """Whether this state is final.

    A session with nothing to pay has `no_payment_required` from its creation, so an open session is never final.
    """
    fields = FINAL.get(kind_of(obj), {})
    if kind_of(obj) == "checkout.session" and obj.get("status") == "open":
        return False
    # An expanded field is a dict, which is in no set of values.
    found = ((obj.get(field), values) for field, values in fields.items())
    return any(value in values for value, values in found if isinstance(value, str | None))
