"""Misbehaviour on request, repeatable by its seed.

Every draw depends on the seed, on what it is for, and on how many of its like came before it, never on timing: the n-th
event since the faults were set, the n-th call of one operation (so that somebody's polling moves nobody's draws).
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from licet_sandbox.fault_settings import Settings, checked

if TYPE_CHECKING:
    from licet_sandbox.state.store import Store

# What `apiErrors` makes of a call, and how often of a hundred. The first three strike before anything is done.
_KINDS = {"rate_limit": 25, "rate_limit_retry_after": 20, "server_error": 30, "lost_answer": 15, "timeout": 10}


@dataclass
class Copy:
    """One delivery of an event to one endpoint, as the faults have it.

    overtaken_by: so many later events of this endpoint go first
    delay_seconds: on the sandbox's clock
    """

    overtaken_by: int = 0
    delay_seconds: float = 0.0
    duplicate: bool = False
    dropped: bool = False

    @property
    def names(self) -> list[str]:
        """The faults that struck it."""
        struck = {
            "duplicate": self.duplicate,
            "reorder": self.overtaken_by,
            "delay": self.delay_seconds,
            "drop": self.dropped,
        }
        return [name for name, value in struck.items() if value]


@dataclass
class CallFault:
    """What befalls one call. `kind` is a key of `_KINDS`, or None."""

    kind: str | None
    latency_seconds: float


class Faults:
    """The settings now in force, kept in the sandbox's file together with the counts that the draws follow."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._settings = checked(json.loads(store.get_meta("faults") or "{}"))

    @property
    def given(self) -> dict[str, Any]:
        """The settings as somebody set them."""
        return self._settings.given

    @property
    def settings(self) -> Settings:
        """The settings with their defaults."""
        return self._settings

    def set(self, given: dict[str, Any]) -> None:
        """Misbehave like this from now on; `{}` ends it. Counts and log begin anew. Raises FaultsRefused."""
        self._settings = checked(given)
        self._store.set_meta("faults", json.dumps(given))
        self._store.run("DELETE FROM meta WHERE key LIKE 'faults.%'")
        self._store.run("DELETE FROM fault_log")

    def copies(self, endpoints: int) -> list[list[Copy]]:
        """For each endpoint that wants the next event, the deliveries to make of it."""
        if not self._settings.touches_events:
            return [[Copy()] for _ in range(endpoints)]
        count = self._count("event")
        return [self._copies(f"event:{count}:{at}") for at in range(endpoints)]

    def _copies(self, what: str) -> list[Copy]:
        made = [self._copy(what, "original")]
        # Later than the first, or right behind it.
        draw = self._draw(what, "duplicate")
        if draw.random() < self._settings.duplicate:
            again = self._copy(what, "duplicate")
            again.duplicate = True
            again.overtaken_by += made[0].overtaken_by + draw.randint(0, 3)
            made.append(again)
        return made

    def _copy(self, what: str, which: str) -> Copy:
        reorder, delay = self._draw(what, which, "reorder"), self._draw(what, which, "delay")
        low, high = self._settings.delay_seconds
        return Copy(
            overtaken_by=reorder.randint(1, 3) if reorder.random() < self._settings.reorder else 0,
            # From seconds to hours, as many of the short as of the long.
            delay_seconds=round(low * (high / low) ** delay.random(), 1)
            if delay.random() < self._settings.delay
            else 0.0,
            dropped=self._draw(what, which, "drop").random() < self._settings.drop,
        )

    def call(self, operation: str) -> CallFault:
        """What befalls the next call of this operation, such as `POST /v1/products`."""
        settings = self._settings
        if not settings.touches_calls:
            return CallFault(None, 0.0)
        what = f"call:{operation}:{self._count(operation)}"
        low, high = settings.latency_ms
        return CallFault(self._kind(what), self._draw(what, "latency").uniform(low, high) / 1000)

    def _kind(self, what: str) -> str | None:
        draw = self._draw(what, "error")
        if draw.random() < self._settings.api_errors:
            return draw.choices(list(_KINDS), list(_KINDS.values()))[0]
        if self._draw(what, "timeout").random() < self._settings.api_timeouts:
            return "timeout"
        if self._draw(what, "lost").random() < self._settings.api_lost_answers:
            return "lost_answer"
        return None

    def note(self, at: float, **entry: Any) -> None:
        """Write down what a fault did, for the log."""
        self._store.run("INSERT INTO fault_log (at, entry) VALUES (?, ?)", at, json.dumps(entry))

    def log(self) -> list[dict[str, Any]]:
        """What the faults did since they were set, in order; `at` is epoch seconds of the sandbox's clock."""
        rows = self._store.rows("SELECT at, entry FROM fault_log ORDER BY id")
        return [{"at": row["at"], **json.loads(row["entry"])} for row in rows]

    def _count(self, what: str) -> int:
        """How many of its like came before, this one added; in the file, so that a rollback takes it back too."""
        key = f"faults.{what}"
        before = int(self._store.get_meta(key) or 0)
        self._store.set_meta(key, str(before + 1))
        return before

    def _draw(self, *what: str) -> random.Random:
        return random.Random(":".join((str(self._settings.seed), *what)))  # noqa: S311  # Not for secrets.
