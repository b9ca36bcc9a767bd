"""Where a chapter says what happens, and holds what it finds against what it expects."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from licet.demo.answers import Answer, Fact, Finding
from licet.demo.teller import Teller

PATIENCE_SECONDS = 15.0
"""How long an answer may take to become what it should: mails are written by a worker of their own."""

_ASK_AGAIN_SECONDS = 0.03


class Scene:
    """One step of the story, while it is told."""

    def __init__(self, teller: Teller, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._teller = teller
        self._patience_seconds = patience_seconds
        self.findings: list[Finding] = []

    @property
    def ok(self) -> bool:
        """Whether all was as expected so far."""
        return all(finding.ok for finding in self.findings)

    def happens(self, sentence: str) -> None:
        """Says what is done now."""
        self._teller.says(sentence)

    def waiting(self, words: str) -> AbstractContextManager[None]:
        """Says, for as long as the block lasts, what is waited for."""
        return self._teller.waiting(words)

    def finds(self, answer: Answer, **expected: Fact) -> None:
        """Holds an answer's facts against what is expected of them."""
        self.note(Finding(answer, expected))

    def asks(self, ask: Callable[[], Answer], **expected: Fact) -> Answer:
        """Asks until the facts are as expected, or patience is at its end. The last answer counts, and is returned."""
        deadline = time.monotonic() + self._patience_seconds
        finding = Finding(ask(), expected)
        if not finding.ok:
            with self.waiting("asking Licet"):
                while not finding.ok and time.monotonic() < deadline:
                    time.sleep(_ASK_AGAIN_SECONDS)
                    finding = Finding(ask(), expected)
        self.note(finding)
        return finding.answer

    def note(self, finding: Finding) -> None:
        """Keeps a finding and tells it."""
        self.findings.append(finding)
        self._teller.finds(finding)
