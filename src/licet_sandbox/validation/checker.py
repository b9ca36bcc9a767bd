"""Looks at traffic, and remembers what is wrong with it."""

from __future__ import annotations

from typing import Any

from licet_sandbox.validation.rules import CHECKS

# (operation or event or "error", path inside it) that may break the document, each with its reason. Empty: none does.
EXCEPTIONS: dict[tuple[str, str], str] = {}

_LONGEST = 500


class Violations(AssertionError):  # Reads as what it holds.
    """Traffic that Stripe's document does not allow."""


def violations(what: str, name: str, value: Any) -> list[str]:
    """What is wrong with it: one line each, no longer than somebody reads.

    what: "request", "answer" or "event"; name: the operation, the event's type, or "error"
    """
    found = [(at, text) for at, text in CHECKS[what](name, value) if (name, at) not in EXCEPTIONS]
    return [" ".join(f"{what} {name}: {at}: {text}".split())[:_LONGEST] for at, text in found]


class Checker:
    """Called with ("request" | "answer" | "event", name, value)."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.checked = {"request": 0, "answer": 0, "event": 0}

    def __call__(self, what: str, name: str, value: Any) -> None:
        """Check one; remember what is wrong."""
        self.checked[what] += 1
        self.violations += violations(what, name, value)

    def raise_any(self) -> None:
        """Fail over everything found so far, each once."""
        found, self.violations = self.violations, []
        if found:
            raise Violations("\n".join(dict.fromkeys(found)))
