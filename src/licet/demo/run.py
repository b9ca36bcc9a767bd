"""Runs the demo: starts Licet, runs the steps, stops Licet, and prints the summary last."""

import signal
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from licet.demo.output import DemoResult, Output
from licet.demo.process import DemoProcess

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_FAILED = 1
EXIT_SIGNAL = 128
"""Plus the number of the signal."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_demo(output: Output, *, keep: Path | None = None, serve: bool = False) -> int:
    """Runs all steps. Returns the exit code.

    The code is 0, or 1 if something was not as expected, or 128 + n for the signal n.
    keep: as in `DemoProcess`. serve: after the steps, if all went as expected, keep running until a signal, which then
    is no interruption.
    Raises StartupError if Licet cannot start and UnexpectedExit if it stops while the demo serves. Nothing is left
    behind then either.
    """
    with Signals() as signals:
        try:
            result = _run(output, signals, keep, serve=serve)
        except Interrupted:
            return signals.exit_code or EXIT_FAILED
    if signals.exit_code:
        return signals.exit_code
    output.finished(result)
    return 0 if result.ok else EXIT_FAILED


def _run(output: Output, signals: "Signals", keep: Path | None, *, serve: bool) -> DemoResult:
    started = time.monotonic()
    output.started()
    with DemoProcess(keep) as process:
        signals.on_first = process.terminate
        with output.waiting("PostgreSQL, the sandbox, the API and its worker are starting"):
            # Imported while the process starts.
            from licet.demo.client import DemoClient  # noqa: PLC0415
            from licet.demo.scenario import STEPS, ServeStep  # noqa: PLC0415
            from licet.demo.steps import run_steps  # noqa: PLC0415

            addresses = process.wait_until_ready(signals.raise_if_received)
        serve_step = ServeStep()
        steps = (*STEPS, serve_step.step) if serve else STEPS
        with DemoClient(addresses, signals.raise_if_received) as client:
            results = run_steps(steps, client, output)
        seconds = time.monotonic() - started
        if serve_step.served is not None:
            output.serving(serve_step.served)
            process.wait(lambda: signals.received)
            signals.clear()
        with output.waiting("everything is being removed" if keep is None else "everything is being stopped"):
            process.close()
    return DemoResult(results, len(steps), seconds, str(process.directory) if keep else None)


class Interrupted(Exception):
    """Raised after a signal that asks the demo to stop."""


class Signals:
    """Handles SIGINT, SIGTERM and SIGHUP for as long as the block runs.

    Signals after the first are ignored. The handler raises no exception, since that could interrupt the removal of the
    directory. It records the signal and terminates the process that the demo waits for. The demo calls
    `raise_if_received` before each request.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._previous: dict[int, Any] = {}
        self.on_first: Callable[[], None] | None = None
        """Called once, by the first signal."""

    @property
    def exit_code(self) -> int | None:
        """128 plus the number of the first signal, as in shells; None without a signal."""
        return None if self._received is None else EXIT_SIGNAL + self._received

    @property
    def received(self) -> bool:
        """True if a signal was received."""
        return self._received is not None

    def raise_if_received(self) -> None:
        """Raises Interrupted if a signal was received."""
        if self.received:
            raise Interrupted

    def clear(self) -> None:
        """Forgets the signal, so that it does not count as an interruption."""
        self._received = None

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            # A parent process may have set a signal to be ignored, as `nohup` does.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self._received is None:
            self._received = number
            if self.on_first is not None:
                self.on_first()
