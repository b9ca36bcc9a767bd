"""What was asked and found, beside what was expected. Nothing in here is a secret: all of it is printed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Fact: TypeAlias = str | int | bool | None


@dataclass(frozen=True)
class Answer:
    """What an address answered.

    call: method and path, ids left out: `GET /api/licenses/{id}`. status: of HTTP. subject: what it is about.
    facts: the part that is compared, times in RFC 3339. words: the same for a person.
    """

    call: str
    status: int
    subject: str
    facts: Mapping[str, Fact]
    words: str


@dataclass(frozen=True)
class Difference:
    """One fact that is not as it should be."""

    name: str
    expected: Fact
    found: Fact

    def __str__(self) -> str:
        return f"{self.name}: expected {_said(self.expected)}, found {_said(self.found)}"


@dataclass(frozen=True)
class Finding:
    """An answer beside what was expected of its facts."""

    answer: Answer
    expected: Mapping[str, Fact]

    @property
    def differences(self) -> list[Difference]:
        """Empty where everything is as expected. A fact that is missing is found to be None."""
        facts = self.answer.facts
        return [
            Difference(name, wanted, facts.get(name))
            for name, wanted in self.expected.items()
            if facts.get(name) != wanted
        ]

    @property
    def ok(self) -> bool:
        """Whether everything is as expected."""
        return not self.differences


class NotAsExpected(Exception):
    """What follows cannot be told, for something answered otherwise than it must."""

    def __init__(self, finding: Finding) -> None:
        super().__init__("; ".join(str(difference) for difference in finding.differences))
        self.finding = finding


def _said(fact: Fact) -> str:
    if fact is None:
        return "nothing"
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    return str(fact)
