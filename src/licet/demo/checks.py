"""Compares what the demo reads with what is expected. Facts contain no secrets: they are printed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

FactValue: TypeAlias = str | int | bool | None


@dataclass(frozen=True)
class Observation:
    """What an HTTP response says.

    call: method and path without ids, `GET /api/licenses/{id}`. status: of HTTP. subject: what it is about.
    facts: the values to compare, times in RFC 3339. text: the same for a person.
    """

    call: str
    status: int
    subject: str
    facts: Mapping[str, FactValue]
    text: str


@dataclass(frozen=True)
class Difference:
    """One fact that differs from what is expected."""

    name: str
    expected: FactValue
    found: FactValue

    def __str__(self) -> str:
        return f"{self.name}: expected {_format(self.expected)}, found {_format(self.found)}"


@dataclass(frozen=True)
class Check:
    """An observation and the facts that are expected of it."""

    observation: Observation
    expected: Mapping[str, FactValue]

    @property
    def differences(self) -> list[Difference]:
        """The facts that differ. A missing fact counts as None."""
        facts = self.observation.facts
        return [
            Difference(name, value, facts.get(name))
            for name, value in self.expected.items()
            if facts.get(name) != value
        ]

    @property
    def ok(self) -> bool:
        """True if all facts are as expected."""
        return not self.differences


class CheckFailed(Exception):
    """Raised if the demo cannot continue, because a response is not the one that it needs."""

    def __init__(self, check: Check) -> None:
        super().__init__("; ".join(str(difference) for difference in check.differences))
        self.check = check


def _format(value: FactValue) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
