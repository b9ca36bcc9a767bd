"""The fault settings and their validation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_HOUR = 3600


class FaultsRefused(Exception):
    """Raised for invalid settings, or an unknown fault."""


@dataclass(frozen=True)
class Settings:
    """The fault settings. Shares are from 0 to 1.

    duplicate, reorder, delay, drop: shares of deliveries
    delay_seconds: shortest and longest delay of a delivery, on the sandbox's clock
    api_errors: share of calls that fail, in the ways of `faults.py`
    api_timeouts, api_lost_answers: shares of the other calls with this one fault
    api_timeout_seconds: how long a call that times out is held open, unless its client closes it before
    api_rate_limit: calls a second, of real time; None: unlimited
    latency_ms: shortest and longest time before each call is answered
    """

    duplicate: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    drop: float = 0.0
    delay_seconds: tuple[float, float] = (1.0, 6.0 * _HOUR)
    api_errors: float = 0.0
    api_timeouts: float = 0.0
    api_lost_answers: float = 0.0
    api_timeout_seconds: float = 30.0
    api_rate_limit: int | None = None
    latency_ms: tuple[float, float] = (0.0, 0.0)
    seed: int = 0
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def touches_events(self) -> bool:
        """True if deliveries have faults. They are then sent one by one, in the drawn order."""
        return any((self.duplicate, self.reorder, self.delay, self.drop))

    @property
    def touches_calls(self) -> bool:
        """True if API calls have faults or latency."""
        return any((self.api_errors, self.api_timeouts, self.api_lost_answers, self.latency_ms[1]))


def parse_settings(given: dict[str, Any]) -> Settings:
    """Parses the settings; raises FaultsRefused, which says what is wrong with them."""
    unknown = [key for key in given if key not in _READERS]
    if unknown:
        raise FaultsRefused(f"unknown fault: {unknown[0]}; there are {', '.join(_READERS)}")
    values: dict[str, Any] = {}
    for key, value in given.items():
        name, read = _READERS[key]
        values[name] = read(key, value)
    return Settings(**values, given=dict(given))


def _number(key: str, value: Any, low: float, high: float, unit: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise FaultsRefused(f"{key} is {unit} from {low:g} to {high:.9g}")
    return value


def _share(key: str, value: Any) -> float:
    return _number(key, value, 0, 1, "a share")


def _within(low: float, high: float, unit: str) -> Callable[[str, Any], float]:
    return lambda key, value: _number(key, value, low, high, unit)


def _span(low: float, high: float, unit: str) -> Callable[[str, Any], tuple[float, float]]:
    """Reads one number, or two: from and to."""

    def read(key: str, value: Any) -> tuple[float, float]:
        first, last = value if isinstance(value, list) and len(value) == 2 else (value, value)
        span = _number(key, first, low, high, unit), _number(key, last, low, high, unit)
        if span[0] > span[1]:
            raise FaultsRefused(f"{key} is one number, or two: from and to")
        return span

    return read


def _whole(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise FaultsRefused(f"{key} is a whole number")
    return value


def _at_least_one(key: str, value: Any) -> int:
    if _whole(key, value) < 1:
        raise FaultsRefused(f"{key} is at least 1")
    return int(value)


_READERS: dict[str, tuple[str, Callable[[str, Any], Any]]] = {
    "duplicate": ("duplicate", _share),
    "reorder": ("reorder", _share),
    "delay": ("delay", _share),
    "delaySeconds": ("delay_seconds", _span(0.1, 30 * 24 * _HOUR, "seconds")),
    "drop": ("drop", _share),
    "apiErrors": ("api_errors", _share),
    "apiTimeouts": ("api_timeouts", _share),
    "apiLostAnswers": ("api_lost_answers", _share),
    "apiTimeoutSeconds": ("api_timeout_seconds", _within(0.1, 600, "seconds")),
    "apiRateLimit": ("api_rate_limit", _at_least_one),
    "apiLatencyMs": ("latency_ms", _span(0, 60_000, "milliseconds")),
    "seed": ("seed", _whole),
}
