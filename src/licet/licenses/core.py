"""Rules: the state of a license is a pure function of facts and time, never of the order of events.

The first rule that matches wins:

1. revoked: by an operator; payment refunded in full; dispute lost; subscription ended; the unit is unused.
2. suspended: by an operator; an immediate cancellation is in progress; a dispute is open; the subscription is unpaid,
   paused or incomplete, or past_due and `paid_until` plus grace has passed.
3. expired: `paid_until` has passed, plus the renewal slack while the subscription is active or trialing.
4. active.

What a full refund, a dispute or the end of a subscription does can be set per product; `policy.py` has the defaults.
Source: contract, section 4; docs/decisions/license-state.md; Stripe's list of subscription statuses.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from licet.kit.statuses import ENDED, ENTITLED
from licet.licenses.disputes import Dispute
from licet.licenses.policy import Effect, Policy

LicenseStatus = Literal["active", "suspended", "revoked", "expired"]
Refunded = Literal["none", "part", "full"]

RENEWAL_SLACK = timedelta(hours=72)
"""At a renewal Stripe starts the new period and charges about an hour later: the license stays active meanwhile."""


@dataclass(frozen=True)
class Term:
    """The subscription of a license.

    paid_until: the end of the newest period that was paid for, or of the trial; None if not known yet.
    ends_at: when a scheduled cancellation takes effect.
    cancelling: an immediate cancellation was requested, or the plan is undone as a duplicate, and Stripe has not
    confirmed it yet.
    """

    status: str
    paid_until: datetime | None
    ends_at: datetime | None = None
    cancelling: bool = False


@dataclass(frozen=True)
class Facts:
    """Everything that decides the state of one license.

    term: None for a one-time purchase.
    by_hand: an operator's decision that was not lifted.
    wanted: False for an unused unit: the subscription's quantity no longer includes it.
    """

    term: Term | None = None
    refunded: Refunded = "none"
    dispute: Dispute = "none"
    by_hand: Effect = "nothing"
    wanted: bool = True


@dataclass(frozen=True)
class State:
    """The status of a license, its reason, and the status that follows by the passing of time alone.

    valid_until: from this time on (aware UTC, exclusive) the status is `then`; None: never.
    expires_at: `paid_until` without grace or slack; None is perpetual.
    """

    status: LicenseStatus
    reason: str
    valid_until: datetime | None = None
    then: LicenseStatus | None = None
    expires_at: datetime | None = None

    def at(self, now: datetime) -> LicenseStatus:
        """The status at `now`."""
        if self.valid_until is not None and self.then is not None and self.valid_until <= now:
            return self.then
        return self.status


def decide(facts: Facts, policy: Policy, now: datetime) -> State:
    """State of one license at `now`. No I/O, no clock, no randomness.

    now: aware, UTC. Raises for no combination of facts: a fact without its counterpart has no effect yet.
    """
    expires_at = facts.term.paid_until if facts.term else None
    effects = _effects(facts, policy)
    for effect, status in (("revoke", "revoked"), ("suspend", "suspended")):
        for candidate, reason in effects:
            if candidate == effect:
                return State(status, reason, expires_at=expires_at)  # type: ignore[arg-type]  # the pairs above are Statuses
    if facts.term is None:
        return State("active", "paid")
    return _state_by_time(facts.term, policy, now, expires_at)


def _effects(facts: Facts, policy: Policy) -> list[tuple[Effect, str]]:
    """The effects that do not depend on time, in the order in which their reasons take precedence."""
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


def _state_by_time(term: Term, policy: Policy, now: datetime, expires_at: datetime | None) -> State:
    """The state of a subscription's license to which no effect applies: active, suspended or expired."""
    paid_until = term.paid_until
    if paid_until is None:
        return State("active", f"subscription_{term.status}")
    if term.status == "past_due":
        until, after, reason_after = paid_until + timedelta(days=policy.grace_days), "suspended", "payment_overdue"
    else:
        until, after, reason_after = _expiry(term, paid_until), "expired", "paid_period_over"
    if until <= now:
        return State(after, reason_after, expires_at=expires_at)  # type: ignore[arg-type]  # one of the two literals above
    reason = "in_grace" if term.status == "past_due" else f"subscription_{term.status}"
    return State("active", reason, until, after, expires_at)  # type: ignore[arg-type]  # as above


def _expiry(term: Term, paid_until: datetime) -> datetime:
    """When an unrenewed license expires: the slack is added only while a renewal may still come."""
    if term.status not in ENTITLED:
        return paid_until
    with_slack = paid_until + RENEWAL_SLACK
    if term.ends_at is None:
        return with_slack
    return min(with_slack, max(paid_until, term.ends_at))
