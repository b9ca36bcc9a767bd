"""Whoever tells the story, and the one who tells it to programs."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

from licet.demo.answers import Finding
from licet.demo.invitation import CARDS, Invitation


@dataclass(frozen=True)
class Told:
    """A step that has been told. findings: everything it held against what it expected."""

    number: int
    name: str
    title: str
    findings: Sequence[Finding]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether all of it was as expected."""
        return all(finding.ok for finding in self.findings)


@dataclass(frozen=True)
class Outcome:
    """The whole story. steps: how many there are to tell; the first that went wrong is the last that was told."""

    told: Sequence[Told]
    steps: int
    seconds: float
    kept: str | None = None
    """The directory that stays; None: nothing is left behind."""

    @property
    def ok(self) -> bool:
        """Whether every step was told and all of it was as expected."""
        return len(self.told) == self.steps and all(told.ok for told in self.told)


class Teller(Protocol):
    """Tells it as it happens."""

    def opens(self) -> None:
        """Before anything is there."""

    def begins(self, number: int, title: str) -> None:
        """A step begins."""

    def says(self, sentence: str) -> None:
        """What is done in it."""

    def finds(self, finding: Finding) -> None:
        """What came of it."""

    def ends(self, told: Told) -> None:
        """The step is over."""

    def invites(self, invitation: Invitation) -> None:
        """The story is told, and its stage stays until a signal comes."""

    def closes(self, outcome: Outcome) -> None:
        """The story is over, and what is not kept is gone."""

    def waiting(self, words: str) -> AbstractContextManager[None]:
        """For as long as the block lasts something is waited for."""


class JsonTeller:
    """One JSON object a step, and one at the end."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._said: list[str] = []

    def opens(self) -> None:
        """Programs need no greeting."""

    def begins(self, number: int, title: str) -> None:  # noqa: ARG002 - both stand in the step's object
        """The object is written when the step is over."""
        self._said = []

    def says(self, sentence: str) -> None:
        """Kept for the step's object."""
        self._said.append(sentence)

    def finds(self, finding: Finding) -> None:
        """The step keeps its findings itself."""

    def ends(self, told: Told) -> None:
        """`{"step", "name", "title", "ok", "seconds", "happens", "answers"}`."""
        self._write(
            {
                "step": told.number,
                "name": told.name,
                "title": told.title,
                "ok": told.ok,
                "seconds": round(told.seconds, 2),
                "happens": self._said,
                "answers": [_as_json(finding) for finding in told.findings],
            }
        )

    def invites(self, invitation: Invitation) -> None:
        """`{"url", "docsUrl", "sandboxUrl", "operatorKey", …}`: where everything is, keys included."""
        self._write(
            {
                "url": invitation.url,
                "docsUrl": invitation.docs_url,
                "sandboxUrl": invitation.sandbox_url,
                "operatorKey": invitation.operator_key,
                "customer": invitation.customer,
                "accountKey": invitation.account_key,
                "checkoutUrl": invitation.checkout_url,
                "cards": CARDS,
                "portalUrl": invitation.portal_url,
                "invoiceUrl": invitation.invoice_url,
                "emailsUrl": invitation.emails_url,
            }
        )

    def closes(self, outcome: Outcome) -> None:
        """`{"ok", "told", "steps", "seconds", "kept"}`."""
        self._write(
            {
                "ok": outcome.ok,
                "told": len(outcome.told),
                "steps": outcome.steps,
                "seconds": round(outcome.seconds, 2),
                "kept": outcome.kept,
            }
        )

    @contextmanager
    def waiting(self, words: str) -> Iterator[None]:  # noqa: ARG002 - programs wait in silence
        """Nothing is said."""
        yield

    def _write(self, line: dict[str, Any]) -> None:
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()


def _as_json(finding: Finding) -> dict[str, Any]:
    answer = finding.answer
    return {
        "call": answer.call,
        "status": answer.status,
        "subject": answer.subject,
        "ok": finding.ok,
        "expected": dict(finding.expected),
        "found": dict(answer.facts),
    }
