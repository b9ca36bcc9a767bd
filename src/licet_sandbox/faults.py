"""Simulated faults of deliveries and API calls, reproducible by a seed.

Every draw depends on the seed, on its purpose, and on how many draws of that purpose came before, never on timing: the
n-th event since the faults were set, the n-th call of one operation. So polling does not change other draws.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from licet_sandbox.fault_settings import Settings, parse_settings

if TYPE_CHECKING:
    from licet_sandbox.state.store import Store

# The faults of `apiErrors` and their weights. The first three happen before the call has any effect.
_CALL_FAULT_WEIGHTS = {
    "rate_limit": 25,
    "rate_limit_retry_after": 20,
    "server_error": 30,
    "lost_answer": 15,
    "timeout": 10,
}


@dataclass
class PlannedDelivery:
    """One delivery of an event to one endpoint, with its faults.

    overtaken_by: how many later events of this endpoint are sent first
    delay_seconds: on the sandbox's clock
    """

    overtaken_by: int = 0
    delay_seconds: float = 0.0
    duplicate: bool = False
    dropped: bool = False

    @property
    def names(self) -> list[str]:
        """The names of its faults."""
        faults = {
            "duplicate": self.duplicate,
            "reorder": self.overtaken_by,
            "delay": self.delay_seconds,
            "drop": self.dropped,
        }
        return [name for name, value in faults.items() if value]


@dataclass
class CallFault:
    """The fault of one API call. kind: a key of `_CALL_FAULT_WEIGHTS`, or None."""

    kind: str | None
    latency_seconds: float


class Faults:
    """The current fault settings, kept in the sandbox's file together with the counts of draws."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._settings = parse_settings(json.loads(store.get_meta("faults") or "{}"))

    @property
    def given(self) -> dict[str, Any]:
        """The settings as they were set."""
        return self._settings.given

    @property
    def settings(self) -> Settings:
        """The settings with their defaults."""
        return self._settings

    def set(self, given: dict[str, Any]) -> None:
        """Replaces the settings; `{}` ends all faults. Resets the counts and the log.

        Raises FaultsRefused.
        """
        self._settings = parse_settings(given)
        self._store.set_meta("faults", json.dumps(given))
        self._store.run("DELETE FROM meta WHERE key LIKE 'faults.%'")
        self._store.run("DELETE FROM fault_log")

    def plan_deliveries(self, endpoints: int) -> list[list[PlannedDelivery]]:
        """For each endpoint that listens to the next event, the deliveries to make of it."""
        if not self._settings.touches_events:
            return [[PlannedDelivery()] for _ in range(endpoints)]
        count = self._count("event")
        return [self._copies(f"event:{count}:{at}") for at in range(endpoints)]

    def _copies(self, what: str) -> list[PlannedDelivery]:
        made = [self._copy(what, "original")]
        # A duplicate comes at the same place in the order as the first delivery, or up to 3 later.
        draw = self._draw(what, "duplicate")
        if draw.random() < self._settings.duplicate:
            again = self._copy(what, "duplicate")
            again.duplicate = True
            again.overtaken_by += made[0].overtaken_by + draw.randint(0, 3)
            made.append(again)
        return made

    def _copy(self, what: str, which: str) -> PlannedDelivery:
        reorder, delay = self._draw(what, which, "reorder"), self._draw(what, which, "delay")
        low, high = self._settings.delay_seconds
        return PlannedDelivery(
            overtaken_by=reorder.randint(1, 3) if reorder.random() < self._settings.reorder else 0,
            # Log-uniform, from seconds to hours.
            delay_seconds=round(low * (high / low) ** delay.random(), 1)
            if delay.random() < self._settings.delay
            else 0.0,
            dropped=self._draw(what, which, "drop").random() < self._settings.drop,
        )

    def draw_call_fault(self, operation: str) -> CallFault:
        """The fault of the next call of this operation, such as `POST /v1/products`."""
        settings = self._settings
        if not settings.touches_calls:
            return CallFault(None, 0.0)
        what = f"call:{operation}:{self._count(operation)}"
        low, high = settings.latency_ms
        return CallFault(self._kind(what), self._draw(what, "latency").uniform(low, high) / 1000)

    def _kind(self, what: str) -> str | None:
        draw = self._draw(what, "error")
        if draw.random() < self._settings.api_errors:
            return draw.choices(list(_CALL_FAULT_WEIGHTS), list(_CALL_FAULT_WEIGHTS.values()))[0]
        if self._draw(what, "timeout").random() < self._settings.api_timeouts:
            return "timeout"
        if self._draw(what, "lost").random() < self._settings.api_lost_answers:
            return "lost_answer"
        return None

    def record(self, at: float, **entry: Any) -> None:
        """Writes an entry to the fault log. at: epoch seconds."""
        self._store.run("INSERT INTO fault_log (at, entry) VALUES (?, ?)", at, json.dumps(entry))

    def log(self) -> list[dict[str, Any]]:
        """The log since the settings were set, in order; `at` is epoch seconds of the sandbox's clock."""
        rows = self._store.rows("SELECT at, entry FROM fault_log ORDER BY id")
        return [{"at": row["at"], **json.loads(row["entry"])} for row in rows]

    def _count(self, what: str) -> int:
        """Counts a draw; returns how many came before. Kept in the file, so that a rollback undoes it."""
        key = f"faults.{what}"
        before = int(self._store.get_meta(key) or 0)
        self._store.set_meta(key, str(before + 1))
        return before

    def _draw(self, *what: str) -> random.Random:
        return random.Random(":".join((str(self._settings.seed), *what)))  # noqa: S311  # Not for secrets.
