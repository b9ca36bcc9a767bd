"""Ctrl-C and its kin: heard at once while the story is told, only noted while things are set up or cleared away."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked for the end. Not an Exception, so that nobody on the way takes it for a failure of its own."""


class Signals:
    """Takes the signals over for as long as the block lasts.

    Outside `heard` a signal changes nothing but `exit_code`: what is being made or removed is finished first.
    """

    def __init__(self) -> None:
        self._came: int | None = None
        self._heard = False
        self._before: dict[int, Any] = {}

    @property
    def exit_code(self) -> int | None:
        """128 and the first signal's number, as shells have it; None if none came."""
        return None if self._came is None else 128 + self._came

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            # Whoever started us may have told us to ignore it, as `nohup` does.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """In this block the first signal raises Interrupted, also one that came shortly before."""
        self._heard = True
        try:
            if self._came is not None:
                raise Interrupted
            yield
        finally:
            self._heard = False

    def _take(self, number: int, _: FrameType | None) -> None:
        first = self._came is None
        self._came = self._came or number
        if first and self._heard:
            raise Interrupted
