"""When the pending return page reloads: soon, and never more often than the rate limit allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.http.rate_limits.rules import WINDOW_SECONDS
from licet.payments.return_pages import seconds_until_refresh


@pytest.mark.parametrize(
    ("per_minute", "waits"),
    [(10, [3, 10, 10, 10, 10, 10, 60, 60]), (5, [3, 15, 15]), (3, [3, 30, 30]), (2, [3, 60, 60]), (1, [61, 61])],
)
def test_how_long_it_waits(per_minute: int, waits: list[int]) -> None:
    assert [seconds_until_refresh(looked, per_minute) for looked in range(len(waits))] == waits


@given(st.integers(1, 1000))
def test_it_is_never_turned_away(per_minute: int) -> None:
    now, window_ends, used = 0, WINDOW_SECONDS, 0
    for looked in range(50):
        if now >= window_ends:
            window_ends, used = now + WINDOW_SECONDS, 0
        used += 1
        assert used <= per_minute
        now += seconds_until_refresh(looked, per_minute)
