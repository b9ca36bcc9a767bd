"""Counting in one process: bounded, whoever calls, and quick, however many do."""

from datetime import UTC, datetime

import pytest
from tests.support.contexts import make_settings

from licet.http.rate_limits import memory
from licet.http.rate_limits.limiter import MAX_KNOWN_CREDENTIALS, Limiter, limiter_of, name_of_address
from licet.http.rate_limits.memory import MemoryWindows


class Clock:
    """Wall time, as the test wants it."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(memory, "wall_now", clock)
    return clock


async def test_a_window_begins_with_its_first_request(clock: Clock) -> None:
    counted = MemoryWindows()
    began = clock.seconds
    assert await counted.add("a", 1, 60) == (1, began + 60)
    clock.seconds += 59
    assert await counted.add("a", 1, 60) == (2, began + 60)
    assert await counted.add("b", 1, 60) == (1, began + 119)
    clock.seconds += 1
    assert await counted.add("a", 1, 60) == (1, began + 120)


async def test_what_is_given_back_can_be_used_again(clock: Clock) -> None:
    counted = MemoryWindows()
    await counted.add("a", 2, 60)
    assert (await counted.add("a", -1, 60))[0] == 1


async def test_what_has_ended_is_forgotten(clock: Clock) -> None:
    counted = MemoryWindows()
    for number in range(1000):
        await counted.add(str(number), 1, 60)
    clock.seconds += 60
    await counted.add("a", 1, 60)
    assert len(counted) == 1


async def test_there_are_never_more_windows_than_allowed(clock: Clock) -> None:
    counted = MemoryWindows(most=3)
    for name in "abcd":
        await counted.add(name, 1, 60)
    assert len(counted) == 3
    assert (await counted.add("b", 1, 60))[0] == 2
    assert (await counted.add("a", 1, 60))[0] == 1


async def test_a_clock_that_is_set_back_holds_nobody(clock: Clock) -> None:
    counted = MemoryWindows()
    await counted.add("a", 5, 60)
    clock.seconds -= 3600
    assert await counted.add("a", 1, 60) == (1, clock.seconds + 60)
    assert len(counted) == 1


def test_credentials_that_are_known_are_bounded_too() -> None:
    limiter = limiter_of(make_settings(rate_limits="on"))
    assert isinstance(limiter, Limiter)
    for number in range(MAX_KNOWN_CREDENTIALS + 1):
        limiter.remember(number.to_bytes(4, "big"), f"key:{number}")
    assert limiter.name_of((0).to_bytes(4, "big")) is None
    assert limiter.name_of((1).to_bytes(4, "big")) == "key:1"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("192.0.2.7", "address:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "address:2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "address:2001:db8:1:3::/64"),
        ("fe80::1%eth0", "address:fe80::/64"),
        ("testclient", "address:testclient"),
    ],
)
def test_an_address_is_what_one_caller_gets(host: str, name: str) -> None:
    assert name_of_address(host) == name
