"""Checks traffic and collects the violations."""

from __future__ import annotations

from typing import Any

from licet_sandbox.validation.rules import CHECKS

# Accepted violations: (operation, event type or "error", path inside it) and the reason. Empty: there are none.
EXCEPTIONS: dict[tuple[str, str], str] = {}

_MAX_LINE_LENGTH = 500


class Violations(AssertionError):  # The name describes the content.
    """Raised for traffic that Stripe's document does not allow."""


def violations(what: str, name: str, value: Any) -> list[str]:
    """The violations of one value, one line each, shortened to a readable length.

    what: "request", "answer" or "event"; name: the operation, the event's type, or "error"
    """
    found = [(at, text) for at, text in CHECKS[what](name, value) if (name, at) not in EXCEPTIONS]
    return [" ".join(f"{what} {name}: {at}: {text}".split())[:_MAX_LINE_LENGTH] for at, text in found]


class Checker:
    """Collects violations. Called with ("request" | "answer" | "event", name, value)."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.checked = {"request": 0, "answer": 0, "event": 0}

    def __call__(self, what: str, name: str, value: Any) -> None:
        """Checks one value and collects its violations."""
        self.checked[what] += 1
        self.violations += violations(what, name, value)

    def raise_any(self) -> None:
        """Raises Violations with the violations found so far, each once, and clears them."""
        found, self.violations = self.violations, []
        if found:
            raise Violations("\n".join(dict.fromkeys(found)))
