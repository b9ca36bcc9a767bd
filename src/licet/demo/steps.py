"""Runs the steps of the demo, one after the other."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeAlias

from licet.demo.actions import Customers, create_customers
from licet.demo.checks import Check, CheckFailed, FactValue, Observation
from licet.demo.client import DemoClient
from licet.demo.output import Output, StepResult

CHECK_TIMEOUT_SECONDS = 15.0
"""How long `StepRun.wait_for` waits for the expected facts. Emails, for example, are written by a worker."""

_POLL_SECONDS = 0.03


class StepRun:
    """A step of the demo while it runs: prints what happens, makes checks and keeps them."""

    def __init__(self, output: Output, *, timeout_seconds: float = CHECK_TIMEOUT_SECONDS) -> None:
        self._output = output
        self._timeout_seconds = timeout_seconds
        self.checks: list[Check] = []

    @property
    def ok(self) -> bool:
        """True if all checks so far are as expected."""
        return all(check.ok for check in self.checks)

    def describe(self, sentence: str) -> None:
        """Prints what happens next."""
        self._output.describe(sentence)

    def waiting(self, text: str) -> AbstractContextManager[None]:
        """Shows what the demo waits for, for as long as the block runs."""
        return self._output.waiting(text)

    def check(self, observation: Observation, **expected: FactValue) -> None:
        """Compares an observation's facts with what is expected."""
        self.record(Check(observation, expected))

    def wait_for(self, query: Callable[[], Observation], **expected: FactValue) -> Observation:
        """Repeats a query until its facts are as expected, or until the timeout.

        Records and returns the last observation.
        """
        deadline = time.monotonic() + self._timeout_seconds
        check = Check(query(), expected)
        if not check.ok:
            with self.waiting("waiting for Licet"):
                while not check.ok and time.monotonic() < deadline:
                    time.sleep(_POLL_SECONDS)
                    check = Check(query(), expected)
        self.record(check)
        return check.observation

    def record(self, check: Check) -> None:
        """Keeps a check and prints it."""
        self.checks.append(check)
        self._output.check_made(check)


StepFunction: TypeAlias = Callable[[StepRun, DemoClient, Customers], None]


@dataclass(frozen=True)
class Step:
    """One step of the demo. name: for programs; it stays the same if the title changes."""

    name: str
    title: str
    run: StepFunction


def run_steps(
    steps: Sequence[Step], client: DemoClient, output: Output, *, timeout_seconds: float = CHECK_TIMEOUT_SECONDS
) -> list[StepResult]:
    """Runs the steps up to the first that is not as expected: each depends on the ones before it."""
    results: list[StepResult] = []
    customers: Customers | None = None
    for number, step in enumerate(steps, 1):
        output.step_started(number, step.title)
        started = time.monotonic()
        step_run = StepRun(output, timeout_seconds=timeout_seconds)
        try:
            customers = customers or create_customers(client)
            step.run(step_run, client, customers)
        except CheckFailed as failed:
            step_run.record(failed.check)
        result = StepResult(number, step.name, step.title, step_run.checks, time.monotonic() - started)
        output.step_finished(result)
        results.append(result)
        if not result.ok:
            break
    return results
