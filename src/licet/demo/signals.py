"""Ctrl-C and its kin: noted when they come, heeded where stopping is safe.

An exception out of a signal's handler could strike anywhere, in the middle of what clears up too. So a handler only
takes note and ends whatever is waited for; the story looks at `check` before each thing it does.
"""

import signal
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A signal asked for the end."""


class Signals:
    """Takes the signals over for as long as the block lasts. Those after the first change nothing."""

    def __init__(self) -> None:
        self._came: int | None = None
        self._before: dict[int, Any] = {}
        self.then: Callable[[], None] | None = None
        """Called once, by the first signal: what it ends need not be waited for any more."""

    @property
    def exit_code(self) -> int | None:
        """128 and the first signal's number, as shells have it; None if none came."""
        return None if self._came is None else 128 + self._came

    @property
    def came(self) -> bool:
        """Whether one has come."""
        return self._came is not None

    def check(self) -> None:
        """Raises Interrupted once a signal has come."""
        if self.came:
            raise Interrupted

    def forget(self) -> None:
        """What came was waited for: it interrupts nothing."""
        self._came = None

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            # Whoever started us may have told us to ignore it, as `nohup` does.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, _: FrameType | None) -> None:
        if self._came is None:
            self._came = number
            if self.then is not None:
                self.then()
