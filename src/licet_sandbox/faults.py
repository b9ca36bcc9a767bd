"""Misbehaviour on request, repeatable by its seed.

Every draw depends on the seed and on how many events (or calls) came before it, never on timing.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from licet_sandbox.errors import StripeError

if TYPE_CHECKING:
    from licet_sandbox.state.store import Store

_SHARES = ("duplicate", "reorder", "apiErrors")
_LATER = ("delay", "drop")


class FaultsRefused(Exception):  # Reads as what happened.
    """The settings make no sense, or name a fault that is not built."""


class Faults:
    """The settings now in force, kept in the sandbox's file together with the counts that the draws follow."""

    def __init__(self, store: Store) -> None:
        self._store = store
        stored = json.loads(store.get_meta("faults") or "{}")
        self.settings: dict[str, Any] = stored.get("settings", {})
        self._events: int = stored.get("events", 0)
        self._calls: int = stored.get("calls", 0)

    def set(self, settings: dict[str, Any]) -> None:
        """Misbehave like this from now on; `{}` ends it. Shares are 0 to 1, `apiLatencyMs` milliseconds."""
        for key, value in settings.items():
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if key in _SHARES and not (number and 0 <= value <= 1):
                raise FaultsRefused(f"{key} is a share from 0 to 1")
            if key == "apiLatencyMs" and not (number and 0 <= value <= 60_000):
                raise FaultsRefused("apiLatencyMs is from 0 to 60000 milliseconds")
            if key == "seed" and not (number and isinstance(value, int)):
                raise FaultsRefused("seed is a whole number")
            if key in _LATER:
                raise FaultsRefused(f"{key} is not built yet")
            if key not in {*_SHARES, "apiLatencyMs", "seed"}:
                raise FaultsRefused(f"unknown fault: {key}")
        self.settings = dict(settings)
        self._events = self._calls = 0
        self._remember()

    @property
    def latency_seconds(self) -> float:
        """How long each call of the API is to wait before it is answered."""
        return float(self.settings.get("apiLatencyMs", 0)) / 1000

    @property
    def repeatable(self) -> bool:
        """Is the order of deliveries drawn? Then they go one by one, so that the same seed gives the same order."""
        return bool(self._share("duplicate") or self._share("reorder"))

    def displace_event(self, endpoints: int) -> list[list[int]]:
        """For each endpoint the copies of the next event to send: by how many later events each is overtaken."""
        if not self.repeatable:
            return [[0]] * endpoints
        draw = self._draw("event", self._events)
        self._events += 1
        self._remember()
        return [self._copies(draw) for _ in range(endpoints)]

    def _copies(self, draw: random.Random) -> list[int]:
        moved = draw.randint(1, 3) if draw.random() < self._share("reorder") else 0
        again = draw.randint(0, 3) if draw.random() < self._share("duplicate") else None
        return [moved] if again is None else [moved, moved + again]

    def fail_call(self) -> StripeError | None:
        """The error that this call of the API is to get instead of its answer, if any."""
        share = self._share("apiErrors")
        if not share:
            return None
        draw = self._draw("call", self._calls)
        self._calls += 1
        self._remember()
        if draw.random() >= share:
            return None
        if draw.random() < 0.5:
            message = "Too many requests hit the API too quickly. We recommend an exponential backoff of your requests."
            return StripeError(429, {"type": "invalid_request_error", "code": "rate_limit", "message": message})
        return StripeError(500, {"type": "api_error", "message": "An unknown error occurred"})

    def _share(self, name: str) -> float:
        return float(self.settings.get(name, 0))

    def _draw(self, what: str, count: int) -> random.Random:
        return random.Random(f"{self.settings.get('seed', 0)}:{what}:{count}")  # noqa: S311  # Not for secrets.

    def _remember(self) -> None:
        kept = {"settings": self.settings, "events": self._events, "calls": self._calls}
        self._store.set_meta("faults", json.dumps(kept))
