"""The state of a license, as a table of facts and what follows. Source: contract, section 4."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.licenses.core import RENEWAL_SLACK, Facts, State, Term, decide
from licet.licenses.policy import Policy

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = Policy(prefix="SHOP", activations=3, grace_days=3)


def term(status: str, through: timedelta | None = 10 * DAY, **more: object) -> Term:
    return Term(status, None if through is None else NOW + through, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "status", "reason"),
    [
        pytest.param(Facts(), "active", "paid", id="bought once and paid"),
        pytest.param(Facts(refunded="part"), "active", "paid", id="a partial refund changes nothing"),
        pytest.param(Facts(refunded="full"), "revoked", "refunded", id="refunded in full"),
        pytest.param(Facts(dispute="open"), "suspended", "dispute_open", id="a dispute is open"),
        pytest.param(Facts(dispute="won"), "active", "paid", id="a dispute was won"),
        pytest.param(Facts(dispute="lost"), "revoked", "dispute_lost", id="a dispute was lost"),
        pytest.param(Facts(by_hand="suspend"), "suspended", "by_hand", id="suspended by hand"),
        pytest.param(Facts(by_hand="revoke"), "revoked", "by_hand", id="revoked by hand"),
        pytest.param(
            Facts(by_hand="suspend", refunded="full"), "revoked", "refunded", id="revoked outweighs suspended"
        ),
        pytest.param(Facts(term=term("active")), "active", "subscription_active", id="active"),
        pytest.param(Facts(term=term("trialing")), "active", "subscription_trialing", id="in trial"),
        pytest.param(Facts(term=term("incomplete")), "suspended", "subscription_incomplete", id="incomplete"),
        pytest.param(Facts(term=term("unpaid")), "suspended", "subscription_unpaid", id="unpaid"),
        pytest.param(Facts(term=term("paused")), "suspended", "subscription_paused", id="paused"),
        pytest.param(Facts(term=term("canceled")), "revoked", "subscription_ended", id="ended"),
        pytest.param(Facts(term=term("incomplete_expired")), "revoked", "subscription_ended", id="never begun"),
        pytest.param(Facts(term=term("past_due")), "active", "in_grace", id="past due, the period not over yet"),
        pytest.param(Facts(term=term("past_due", -2 * DAY)), "active", "in_grace", id="past due, in grace"),
        pytest.param(Facts(term=term("past_due", -3 * DAY)), "suspended", "payment_overdue", id="past due, grace over"),
        pytest.param(Facts(term=term("active", -DAY)), "active", "subscription_active", id="renewal slack"),
        pytest.param(Facts(term=term("active", -3 * DAY)), "expired", "paid_period_over", id="slack over"),
        pytest.param(Facts(term=term("some_new_status")), "active", "subscription_some_new_status", id="unknown, paid"),
        pytest.param(Facts(term=term("some_new_status", -DAY)), "expired", "paid_period_over", id="unknown, not paid"),
        pytest.param(
            Facts(term=term("active", cancelling=True)), "suspended", "cancellation_under_way", id="cancelling"
        ),
        pytest.param(Facts(term=term("active"), wanted=False), "revoked", "quantity_lowered", id="an unused unit"),
        pytest.param(
            Facts(term=term("active", -DAY, ends_at=NOW - DAY)),
            "expired",
            "paid_period_over",
            id="a scheduled end, reached",
        ),
        pytest.param(
            Facts(term=term("active", -DAY, ends_at=NOW + DAY)), "active", "subscription_active", id="an end to come"
        ),
    ],
)
def test_state(facts: Facts, status: str, reason: str) -> None:
    state = decide(facts, POLICY, NOW)
    assert (state.status, state.reason) == (status, reason)


@pytest.mark.parametrize(
    ("policy", "facts", "status"),
    [
        pytest.param(replace(POLICY, refund_full="suspend"), Facts(refunded="full"), "suspended"),
        pytest.param(replace(POLICY, refund_full="nothing"), Facts(refunded="full"), "active"),
        pytest.param(replace(POLICY, refund_partial="revoke"), Facts(refunded="part"), "revoked"),
        pytest.param(replace(POLICY, dispute_open="nothing"), Facts(dispute="open"), "active"),
        pytest.param(replace(POLICY, dispute_lost="suspend"), Facts(dispute="lost"), "suspended"),
        pytest.param(replace(POLICY, dispute_won="revoke"), Facts(dispute="won"), "revoked"),
        pytest.param(replace(POLICY, unpaid="revoke"), Facts(term=term("unpaid")), "revoked"),
        pytest.param(replace(POLICY, paused="nothing"), Facts(term=term("paused")), "active"),
        pytest.param(replace(POLICY, ended="suspend"), Facts(term=term("canceled")), "suspended"),
        pytest.param(replace(POLICY, grace_days=0), Facts(term=term("past_due", -DAY)), "suspended"),
    ],
)
def test_a_product_may_set_what_befalls_its_licenses(policy: Policy, facts: Facts, status: str) -> None:
    assert decide(facts, policy, NOW).status == status


def test_what_time_alone_will_change_is_known_in_advance() -> None:
    through = NOW + 10 * DAY
    assert decide(Facts(), POLICY, NOW) == State("active", "paid")
    active = decide(Facts(term=term("active")), POLICY, NOW)
    assert (active.valid_until, active.then, active.expires_at) == (through + RENEWAL_SLACK, "expired", through)
    overdue = decide(Facts(term=term("past_due")), POLICY, NOW)
    assert (overdue.valid_until, overdue.then, overdue.expires_at) == (through + 3 * DAY, "suspended", through)
    ending = decide(Facts(term=term("active", ends_at=through)), POLICY, NOW)
    assert (ending.valid_until, ending.then) == (through, "expired")


statuses = st.sampled_from(
    ["active", "trialing", "past_due", "unpaid", "paused", "incomplete", "canceled", "incomplete_expired", "new"]
)
moments = st.integers(-90 * 24, 90 * 24).map(lambda hours: NOW + timedelta(hours=hours))
terms = st.builds(Term, statuses, st.none() | moments, st.none() | moments, st.booleans())
facts_of_licenses = st.builds(
    Facts,
    st.none() | terms,
    st.sampled_from(["none", "part", "full"]),
    st.sampled_from(["none", "open", "won", "lost"]),
    st.sampled_from(["nothing", "suspend", "revoke"]),
    st.booleans(),
)
effects = st.sampled_from(["nothing", "suspend", "revoke"])
policies = st.builds(
    Policy,
    st.just("SHOP"),
    st.none() | st.integers(1, 5),
    st.sampled_from(["each", "one"]),
    st.integers(0, 30),
    *([effects] * 8),
)


@given(facts_of_licenses, policies, moments, st.integers(0, 24 * 200))
def test_a_state_foretells_itself(facts: Facts, policy: Policy, now: datetime, hours: int) -> None:
    """A state decided now and read later equals one decided later: time changes no row."""
    later = now + timedelta(hours=hours)
    assert decide(facts, policy, now).at(later) == decide(facts, policy, later).at(later)


@given(facts_of_licenses, policies, moments)
def test_a_foretold_change_lies_ahead(facts: Facts, policy: Policy, now: datetime) -> None:
    state = decide(facts, policy, now)
    assert (state.valid_until is None) == (state.then is None)
    assert state.valid_until is None or state.valid_until > now
