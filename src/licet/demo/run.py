"""All of it: the stage is set, the story is told, the stage is cleared, and only then comes the summary."""

import time
from pathlib import Path

from licet.demo.signals import Interrupted, Signals
from licet.demo.stage import Stage
from licet.demo.teller import Outcome, Teller

FAILED = 1
INTERRUPTED = 128
"""And the signal's number on top."""


def run_demo(teller: Teller, *, keep: Path | None = None, serve: bool = False) -> int:
    """Tells the whole story; the exit code: 0, 1 where something was not as expected, 128 + n for the signal n.

    keep: as in `Stage`. serve: once all was as expected, the stage stays until a signal comes, which then interrupts
    nothing. Raises StartupError where the stage cannot be set and EndedByItself where it does not stay; nothing is left
    behind then either.
    """
    with Signals() as signals:
        try:
            outcome = _on_a_stage(teller, signals, keep, serve=serve)
        except Interrupted:
            return signals.exit_code or FAILED
    if signals.exit_code:
        return signals.exit_code
    teller.closes(outcome)
    return 0 if outcome.ok else FAILED


def _on_a_stage(teller: Teller, signals: Signals, keep: Path | None, *, serve: bool) -> Outcome:
    began = time.monotonic()
    teller.opens()
    with Stage(keep) as stage:
        signals.then = stage.end_soon
        with teller.waiting("PostgreSQL, the sandbox, the API and its worker are starting"):
            # The process starts beside these imports.
            from licet.demo.open_house import OpenHouse  # noqa: PLC0415
            from licet.demo.shop import Shop  # noqa: PLC0415
            from licet.demo.story import STORY, tell  # noqa: PLC0415

            opened = stage.ready(signals.check)
        house = OpenHouse()
        story = (*STORY, house.step) if serve else STORY
        with Shop(opened, signals.check) as shop:
            told = tell(story, shop, teller)
        seconds = time.monotonic() - began
        if house.invitation is not None:
            teller.invites(house.invitation)
            stage.wait(lambda: signals.came)
            signals.forget()
        with teller.waiting("everything is being cleared away" if keep is None else "everything is being stopped"):
            stage.clear()
    return Outcome(told, len(story), seconds, str(stage.directory) if keep else None)
