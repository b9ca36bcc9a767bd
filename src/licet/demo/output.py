"""The results of the demo, and their output as JSON. text_output.py prints them as text."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

from licet.demo.cards import CARD_RESULTS
from licet.demo.checks import Check


@dataclass(frozen=True)
class StepResult:
    """A step that has run. checks: everything that it compared with what is expected."""

    number: int
    name: str
    title: str
    checks: Sequence[Check]
    seconds: float

    @property
    def ok(self) -> bool:
        """True if all checks are as expected."""
        return all(check.ok for check in self.checks)


@dataclass(frozen=True)
class DemoResult:
    """The result of the demo.

    results: of the steps that ran, up to the first that failed. steps: how many there are.
    """

    results: Sequence[StepResult]
    steps: int
    seconds: float
    kept: str | None = None
    """The directory that is kept; None: it was removed."""

    @property
    def ok(self) -> bool:
        """True if every step ran and is as expected."""
        return len(self.results) == self.steps and all(result.ok for result in self.results)


@dataclass(frozen=True)
class ServedDemo:
    """Addresses and keys of a demo that keeps running. The keys work for this demo only.

    customer: name of the customer whose key `account_key` is.
    """

    url: str
    sandbox_url: str
    customer: str
    checkout_url: str = field(repr=False)
    portal_url: str = field(repr=False)
    invoice_url: str
    operator_key: str = field(repr=False)
    account_key: str = field(repr=False)

    @property
    def docs_url(self) -> str:
        """The page that documents the API and sends requests to it."""
        return f"{self.url}/docs"

    @property
    def emails_url(self) -> str:
        """The API's list of emails. It needs the operator's key."""
        return f"{self.url}/api/admin/emails"


class Output(Protocol):
    """Prints the demo while it runs."""

    def started(self) -> None:
        """The demo starts."""

    def step_started(self, number: int, title: str) -> None:
        """A step starts."""

    def describe(self, sentence: str) -> None:
        """Something happens in the step."""

    def check_made(self, check: Check) -> None:
        """A check was made."""

    def step_finished(self, result: StepResult) -> None:
        """A step has ended."""

    def serving(self, served: ServedDemo) -> None:
        """All steps have run, and the demo keeps running until a signal."""

    def finished(self, result: DemoResult) -> None:
        """The demo has ended, and its directory is removed unless it is kept."""

    def waiting(self, text: str) -> AbstractContextManager[None]:
        """The demo waits for as long as the block runs."""


class JsonOutput:
    """Prints one JSON object per step, and one at the end."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._sentences: list[str] = []

    def started(self) -> None:
        """Prints nothing."""

    def step_started(self, number: int, title: str) -> None:  # noqa: ARG002 - the step's object contains both
        """Prints nothing. The object is written at the end of the step."""
        self._sentences = []

    def describe(self, sentence: str) -> None:
        """Keeps the sentence for the step's object."""
        self._sentences.append(sentence)

    def check_made(self, check: Check) -> None:
        """Prints nothing. The step's result contains its checks."""

    def step_finished(self, result: StepResult) -> None:
        """`{"step", "name", "title", "ok", "seconds", "happens", "answers"}`."""
        self._write(
            {
                "step": result.number,
                "name": result.name,
                "title": result.title,
                "ok": result.ok,
                "seconds": round(result.seconds, 2),
                "happens": self._sentences,
                "answers": [_as_json(check) for check in result.checks],
            }
        )

    def serving(self, served: ServedDemo) -> None:
        """`{"url", "docsUrl", "sandboxUrl", "operatorKey", …}`: all addresses and keys."""
        self._write(
            {
                "url": served.url,
                "docsUrl": served.docs_url,
                "sandboxUrl": served.sandbox_url,
                "operatorKey": served.operator_key,
                "customer": served.customer,
                "accountKey": served.account_key,
                "checkoutUrl": served.checkout_url,
                "cards": CARD_RESULTS,
                "portalUrl": served.portal_url,
                "invoiceUrl": served.invoice_url,
                "emailsUrl": served.emails_url,
            }
        )

    def finished(self, result: DemoResult) -> None:
        """`{"ok", "told", "steps", "seconds", "kept"}`."""
        self._write(
            {
                "ok": result.ok,
                "told": len(result.results),
                "steps": result.steps,
                "seconds": round(result.seconds, 2),
                "kept": result.kept,
            }
        )

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:  # noqa: ARG002 - nothing is printed
        """Prints nothing."""
        yield

    def _write(self, line: dict[str, Any]) -> None:
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()


def _as_json(check: Check) -> dict[str, Any]:
    observation = check.observation
    return {
        "call": observation.call,
        "status": observation.status,
        "subject": observation.subject,
        "ok": check.ok,
        "expected": dict(check.expected),
        "found": dict(observation.facts),
    }
