"""The state of a license is a pure function of facts and the time, never of the order in which they were learnt.

The first that holds:

1. revoked: by hand; payment refunded in full; a dispute on it was lost; its subscription has ended; it is spare.
2. suspended: by hand; a cancellation is taking effect at once; a dispute is open; its subscription is unpaid, paused or
   incomplete, or past_due with paid-through time plus grace behind it.
3. expired: paid-through time is behind it, plus the renewal slack while the subscription is active or trialing.
4. active.

What a full refund, a dispute or the end does can be set per product; the contract's defaults stand in `Policy`.
Source: contract, section 4; docs/decisions/license-state.md; Stripe's list of subscription statuses.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from licet.kit.statuses import ENDED, ENTITLED

Status = Literal["active", "suspended", "revoked", "expired"]
Effect = Literal["nothing", "suspend", "revoke"]
Dispute = Literal["none", "open", "won", "lost"]
Refunded = Literal["none", "part", "full"]

RENEWAL_SLACK = timedelta(hours=72)
"""At a renewal Stripe turns the period first and takes the money about an hour later: nobody may be locked out then."""


@dataclass(frozen=True)
class Policy:
    """What a product's licenses are, and what befalls them. Stored as JSON beside the product.

    activations: how many a license may hold; None is without limit.
    units: "each": three units are three licenses; "one": one license whose limit grows.
    grace_days: how long a license outlives a renewal that failed; whole days.
    """

    prefix: str
    activations: int | None = 1
    units: Literal["each", "one"] = "each"
    grace_days: int = 0
    refund_full: Effect = "revoke"
    refund_partial: Effect = "nothing"
    dispute_open: Effect = "suspend"
    dispute_won: Effect = "nothing"
    dispute_lost: Effect = "revoke"
    unpaid: Effect = "suspend"
    paused: Effect = "suspend"
    ended: Effect = "revoke"

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The policy as the catalogue stores it, in camelCase."""
        names = {
            "prefix": "prefix",
            "activations": "activations",
            "units": "units",
            "graceDays": "grace_days",
            "refundFull": "refund_full",
            "refundPartial": "refund_partial",
            "disputeOpen": "dispute_open",
            "disputeWon": "dispute_won",
            "disputeLost": "dispute_lost",
            "unpaid": "unpaid",
            "paused": "paused",
            "ended": "ended",
        }
        return cls(**{names[key]: value for key, value in stored.items()})


@dataclass(frozen=True)
class Term:
    """The subscription that a license lives by.

    paid_through: the end of the newest period that was paid for, or of the trial; None where nothing is known yet.
    ends_at: when a scheduled end takes effect.
    cancelling: an immediate cancellation was asked for, and Stripe has not confirmed it yet.
    """

    status: str
    paid_through: datetime | None
    ends_at: datetime | None = None
    cancelling: bool = False


@dataclass(frozen=True)
class Facts:
    """All that decides over one license.

    term: None for what was bought once.
    by_hand: what an operator decided and nobody lifted.
    """

    term: Term | None = None
    refunded: Refunded = "none"
    dispute: Dispute = "none"
    by_hand: Effect = "nothing"
    wanted: bool = True


@dataclass(frozen=True)
class State:
    """What a license is, why, and what time alone will make of it.

    valid_until: from then on (aware UTC) it reads as `then`; None: never.
    expires_at: the paid-through time itself, without grace or slack; None is perpetual.
    """

    status: Status
    reason: str
    valid_until: datetime | None = None
    then: Status | None = None
    expires_at: datetime | None = None

    def at(self, now: datetime) -> Status:
        """The status as it reads at `now`."""
        if self.valid_until is not None and self.then is not None and self.valid_until <= now:
            return self.then
        return self.status


def decide(facts: Facts, policy: Policy, now: datetime) -> State:
    """State of one license at `now`. No I/O, no clock, no randomness.

    now: aware, UTC. Never raises over facts: one without its counterpart does not count yet.
    """
    expires_at = facts.term.paid_through if facts.term else None
    standing = _standing_effects(facts, policy)
    for effect, status in (("revoke", "revoked"), ("suspend", "suspended")):
        for found, reason in standing:
            if found == effect:
                return State(status, reason, expires_at=expires_at)  # type: ignore[arg-type]  # the pairs above are Statuses
    if facts.term is None:
        return State("active", "paid")
    return _in_time(facts.term, policy, now, expires_at)


def _standing_effects(facts: Facts, policy: Policy) -> list[tuple[Effect, str]]:
    """What stands against the license whatever the time, strongest causes first."""
    effects: list[tuple[Effect, str]] = [(facts.by_hand, "by_hand")]
    if facts.refunded == "full":
        effects.append((policy.refund_full, "refunded"))
    if facts.refunded == "part":
        effects.append((policy.refund_partial, "partially_refunded"))
    disputed: dict[Dispute, tuple[Effect, str]] = {
        "lost": (policy.dispute_lost, "dispute_lost"),
        "open": (policy.dispute_open, "dispute_open"),
        "won": (policy.dispute_won, "dispute_won"),
        "none": ("nothing", ""),
    }
    effects.append(disputed[facts.dispute])
    if facts.term is not None:
        by_status: dict[str, tuple[Effect, str]] = {
            **dict.fromkeys(ENDED, (policy.ended, "subscription_ended")),
            "unpaid": (policy.unpaid, "subscription_unpaid"),
            "paused": (policy.paused, "subscription_paused"),
            "incomplete": ("suspend", "subscription_incomplete"),
        }
        effects.append(by_status.get(facts.term.status, ("nothing", "")))
        if facts.term.cancelling:
            effects.append(("suspend", "cancellation_under_way"))
    if not facts.wanted:
        effects.append(("revoke", "quantity_lowered"))
    return effects


def _in_time(term: Term, policy: Policy, now: datetime, expires_at: datetime | None) -> State:
    """What is left when nothing stands against a subscription's license: the passing of time."""
    paid_through = term.paid_through
    if paid_through is None:
        return State("active", f"subscription_{term.status}")
    if term.status == "past_due":
        until, after, why = paid_through + timedelta(days=policy.grace_days), "suspended", "payment_overdue"
    else:
        until, after, why = _last_moment(term, paid_through), "expired", "paid_period_over"
    if until <= now:
        return State(after, why, expires_at=expires_at)  # type: ignore[arg-type]  # one of the two literals above
    reason = "in_grace" if term.status == "past_due" else f"subscription_{term.status}"
    return State("active", reason, until, after, expires_at)  # type: ignore[arg-type]  # as above


def _last_moment(term: Term, paid_through: datetime) -> datetime:
    """Until when an unrenewed license holds: the slack counts only while a renewal may still come."""
    if term.status not in ENTITLED:
        return paid_through
    with_slack = paid_through + RENEWAL_SLACK
    if term.ends_at is None:
        return with_slack
    return min(with_slack, max(paid_through, term.ends_at))


STANDS: dict[str, Dispute] = {"needs_response": "open", "under_review": "open", "won": "won", "lost": "lost"}
"""The money is still argued over, or the argument is over."""


def gravest(statuses: Iterable[str]) -> Dispute:
    """What counts among the statuses of all disputes on a purchase: lost, else open, else won."""
    found = {_stands(status) for status in statuses}
    order: tuple[Dispute, ...] = ("lost", "open", "won")
    return next((one for one in order if one in found), "none")


def _stands(status: str) -> Dispute:
    # An appeal opens again what was decided.
    return "open" if status.startswith("appeal_") else STANDS.get(status, "none")
