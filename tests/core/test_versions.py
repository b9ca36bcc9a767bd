"""Which of two versions of one object is newer: rule by rule, and in every order of arrival."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from licet.kit.versions import CLOCK_SKEW, Rank, Verdict, Version, compare

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def version(obj: dict[str, Any], at: datetime = AT, rank: Rank = Rank.OTHER, **more: Any) -> Version:
    return Version({"object": "subscription", **obj}, at, rank, **more)


def test_what_nobody_held_is_newer() -> None:
    assert compare(None, version({})) is Verdict.NEWER


def test_another_second_decides() -> None:
    held = version({"n": 1})
    assert compare(held, version({"n": 2}, AT + SECOND)) is Verdict.NEWER
    assert compare(held, version({"n": 2}, AT - SECOND)) is Verdict.STALE


def test_equal_objects_are_the_same() -> None:
    assert compare(version({"n": 1}), version({"n": 1})) is Verdict.SAME


@pytest.mark.parametrize("other", [Rank.OTHER, Rank.DELETED])
def test_created_is_older_and_deleted_newer_than_any_other(other: Rank) -> None:
    created, later = version({"n": 1}, rank=Rank.CREATED), version({"n": 2}, rank=other)
    assert compare(created, later) is Verdict.NEWER
    assert compare(later, created) is Verdict.STALE
    deleted = version({"n": 3}, rank=Rank.DELETED)
    assert compare(version({"n": 2}), deleted) is Verdict.NEWER
    assert compare(deleted, version({"n": 2})) is Verdict.STALE


@pytest.mark.parametrize("kind", ["customer", "invoice", "price"])
@pytest.mark.parametrize("apart", [-1000 * SECOND, 0 * SECOND, 1000 * SECOND])
def test_nothing_follows_a_deletion(kind: str, apart: timedelta) -> None:
    deleted = version({"object": kind, "deleted": True}, rank=Rank.DELETED)
    other = version({"object": kind, "status": "paid"}, AT + apart, Rank.CREATED)
    assert compare(deleted, other) is Verdict.STALE
    assert compare(other, deleted) is Verdict.NEWER
    assert compare(deleted, deleted) is Verdict.SAME


def test_a_product_s_id_may_be_used_again() -> None:
    deleted = version({"object": "product", "deleted": True}, rank=Rank.DELETED)
    assert compare(deleted, version({"object": "product"}, AT + SECOND, Rank.CREATED)) is Verdict.NEWER


def test_an_expanded_field_is_not_a_final_value() -> None:
    method = {"object": "payment_method", "customer": {"id": "cus_1", "object": "customer"}}
    assert compare(version(method), version({**method, "customer": "cus_1"})) is Verdict.UNCLEAR


def test_the_one_whose_previous_attributes_fit_the_other_seems_newer() -> None:
    first = version({"status": "active", "items": {"data": [1]}}, previous={"status": "trialing"})
    second = version({"status": "past_due", "items": {"data": [1]}}, previous={"status": "active"})
    assert compare(first, second) is Verdict.SEEMS_NEWER
    assert compare(second, first) is Verdict.SEEMS_STALE


def test_nested_previous_attributes_fit_by_their_parts() -> None:
    before = version({"items": {"data": [{"end": 1}], "has_more": False}, "metadata": {"a": "1"}})
    after = version(
        {"items": {"data": [{"end": 2}], "has_more": False}, "metadata": {"a": "1"}},
        previous={"items": {"data": [{"end": 1}]}},
    )
    assert compare(before, after) is Verdict.SEEMS_NEWER
    assert compare(after, before) is Verdict.SEEMS_STALE


def test_values_recur_so_what_only_seems_so_is_asked() -> None:
    """2 to 1, 1 to 3, 3 to 2: by its previous attributes the first seems to follow the last."""
    down = version({"n": 1}, previous={"n": 2})
    back = version({"n": 2}, previous={"n": 3})
    verdict = compare(back, down)
    assert verdict is Verdict.SEEMS_NEWER
    assert verdict.applies
    assert not verdict.sure


@pytest.mark.parametrize(
    ("final", "other"),
    [
        ({"object": "subscription", "status": "canceled"}, {"object": "subscription", "status": "active"}),
        ({"object": "invoice", "status": "paid"}, {"object": "invoice", "status": "open"}),
        ({"object": "invoice", "status": "void"}, {"object": "invoice", "status": "open"}),
        ({"object": "refund", "status": "failed"}, {"object": "refund", "status": "succeeded"}),
        (
            {"object": "checkout.session", "status": "complete", "payment_status": "paid"},
            {"object": "checkout.session", "status": "complete", "payment_status": "unpaid"},
        ),
        (
            {"object": "checkout.session", "status": "expired", "payment_status": "unpaid"},
            {"object": "checkout.session", "status": "open", "payment_status": "unpaid"},
        ),
        (
            {"object": "checkout.session", "status": "complete", "payment_status": "no_payment_required"},
            {"object": "checkout.session", "status": "open", "payment_status": "no_payment_required"},
        ),
        ({"object": "payment_method", "customer": None}, {"object": "payment_method", "customer": "cus_1"}),
        (
            {"object": "subscription_schedule", "status": "released"},
            {"object": "subscription_schedule", "status": "active"},
        ),
    ],
)
def test_what_is_final_wins(final: dict[str, Any], other: dict[str, Any]) -> None:
    assert compare(version(other), version(final)) is Verdict.NEWER
    assert compare(version(final), version(other)) is Verdict.STALE


@pytest.mark.parametrize(
    ("final", "other"),
    [
        ({"object": "subscription", "status": "canceled"}, {"object": "subscription", "status": "paused"}),
        ({"object": "subscription", "status": "incomplete_expired"}, {"object": "subscription", "status": "active"}),
        ({"object": "invoice", "status": "paid"}, {"object": "invoice", "status": "open"}),
        ({"object": "invoice", "status": "void"}, {"object": "invoice", "status": "uncollectible"}),
        ({"object": "refund", "status": "failed"}, {"object": "refund", "status": "succeeded"}),
    ],
)
@pytest.mark.parametrize("apart", [-timedelta(days=40), -SECOND, SECOND, timedelta(days=40)])
def test_nothing_follows_a_final_state_whatever_the_times_say(
    final: dict[str, Any], other: dict[str, Any], apart: timedelta
) -> None:
    assert compare(version(other), version(final, AT + apart)) is Verdict.NEWER
    assert compare(version(final), version(other, AT + apart)) is Verdict.STALE
    assert compare(version(final, was_read=True), version(other, AT + apart)) is Verdict.STALE


def test_a_payment_method_is_attached_after_it_was_read() -> None:
    read = version({"object": "payment_method", "customer": None}, was_read=True)
    attached = version({"object": "payment_method", "customer": "cus_1"}, AT + timedelta(hours=1))
    assert compare(read, attached) is Verdict.NEWER


@pytest.mark.parametrize("decided", ["won", "lost", "warning_closed"])
def test_a_dispute_that_was_decided_may_be_appealed(decided: str) -> None:
    """So near a read, or in one second, Stripe is asked, whichever comes first."""
    appealed = version({"object": "dispute", "status": "appeal_under_review"}, previous={"status": decided})
    closed = version({"object": "dispute", "status": decided})
    for held, incoming in ((closed, appealed), (appealed, closed)):
        assert not compare(held, incoming).sure
    assert compare(closed, appealed).applies


def test_what_nothing_settles_is_unclear() -> None:
    assert compare(version({"n": 1}), version({"n": 2})) is Verdict.UNCLEAR
    swapped = version({"n": 1}, previous={"n": 2}), version({"n": 2}, previous={"n": 1})
    assert compare(*swapped) is Verdict.UNCLEAR


def test_near_a_read_time_decides_nothing() -> None:
    read = version({"n": 1}, was_read=True)
    assert compare(read, version({"n": 2}, AT + CLOCK_SKEW)) is Verdict.UNCLEAR
    assert compare(read, version({"n": 2}, AT - CLOCK_SKEW)) is Verdict.UNCLEAR
    assert compare(read, version({"n": 2}, AT + CLOCK_SKEW + SECOND)) is Verdict.NEWER
    assert compare(read, version({"n": 2}, AT - CLOCK_SKEW - SECOND)) is Verdict.STALE
    assert compare(read, version({"n": 2}, AT + SECOND, previous={"n": 1})) is Verdict.SEEMS_NEWER


def test_a_chain_within_one_second_ends_alike_in_every_order() -> None:
    chain = [
        version({"status": "incomplete", "n": 0}, rank=Rank.CREATED),
        version({"status": "active", "n": 0}, previous={"status": "incomplete"}),
        version({"status": "active", "n": 1}, previous={"n": 0}),
        version({"status": "canceled", "n": 1}, rank=Rank.DELETED),
    ]
    for order in permutations(chain):
        held: Version | None = None
        for incoming in order:
            if compare(held, incoming).applies:
                held = incoming
        assert held == chain[-1]
