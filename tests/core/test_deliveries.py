"""When a delivery is tried again, when an endpoint rests, when it is disabled: tables, no database."""

from datetime import UTC, datetime, timedelta

import pytest

from licet.outgoing_webhooks.retries import (
    DELIVERY_RETRY,
    DISABLE_AFTER,
    ENDPOINT_BACKOFF,
    AttemptFailure,
    EndpointHealth,
    after_failure,
)

NOW = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)


def fail(*, attempts: int = 1, status: int | None = 500, health: EndpointHealth | None = None) -> AttemptFailure:
    return after_failure(attempts=attempts, status=status, health=health or EndpointHealth(), now=NOW)


@pytest.mark.parametrize(("attempts", "wait"), list(enumerate(DELIVERY_RETRY.waits, 1)))
def test_it_is_tried_again_after_each_wait(attempts: int, wait: timedelta) -> None:
    assert fail(attempts=attempts) == AttemptFailure(NOW + wait, EndpointHealth(NOW), None)


def test_after_the_last_wait_it_was_the_last_attempt() -> None:
    assert fail(attempts=len(DELIVERY_RETRY.waits) + 1).again_at is None


def test_the_waits_grow_and_take_three_days() -> None:
    assert list(DELIVERY_RETRY.waits) == sorted(DELIVERY_RETRY.waits)
    assert timedelta(days=3) <= sum(DELIVERY_RETRY.waits, timedelta()) < timedelta(days=3, hours=1)


@pytest.mark.parametrize(
    ("before", "rest"),
    [
        *enumerate(ENDPOINT_BACKOFF.waits),
        (len(ENDPOINT_BACKOFF.waits), ENDPOINT_BACKOFF.waits[-1]),
        (1000, ENDPOINT_BACKOFF.waits[-1]),
    ],
)
def test_where_nobody_answers_the_endpoint_rests_longer_each_time(before: int, rest: timedelta) -> None:
    after = fail(status=None, health=EndpointHealth(NOW - timedelta(hours=1), before, NOW)).health
    assert after == EndpointHealth(NOW - timedelta(hours=1), before + 1, NOW + rest)


def test_of_a_burst_that_finds_nobody_the_first_counts() -> None:
    resting = EndpointHealth(NOW - timedelta(minutes=1), 3, NOW + timedelta(seconds=1))
    assert fail(status=None, health=resting).health == resting


def test_who_answers_is_there_so_the_others_may_go_on() -> None:
    assert fail(status=500, health=EndpointHealth(NOW, 7, NOW)).health == EndpointHealth(NOW)


@pytest.mark.parametrize(
    ("failed_for", "disabled"),
    [
        (None, None),
        (timedelta(), None),
        (DISABLE_AFTER - timedelta(seconds=1), None),
        (DISABLE_AFTER, "failing"),
        (timedelta(days=30), "failing"),
    ],
)
def test_three_days_without_a_success_are_enough(failed_for: timedelta | None, disabled: str | None) -> None:
    health = EndpointHealth(None if failed_for is None else NOW - failed_for)
    for status in (None, 503):
        failure = fail(status=status, health=health)
        assert failure.disabled == disabled
        assert (failure.again_at is None) == (disabled is not None)


def test_a_single_delivery_that_fails_to_the_end_disables_its_endpoint() -> None:
    health = EndpointHealth(NOW - sum(DELIVERY_RETRY.waits, timedelta()))
    assert fail(attempts=len(DELIVERY_RETRY.waits) + 1, health=health).disabled == "failing"


def test_gone_is_believed_at_once() -> None:
    assert fail(status=410) == AttemptFailure(None, EndpointHealth(NOW), "gone")
