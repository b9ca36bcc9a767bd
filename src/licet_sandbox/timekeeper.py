"""The passing of time: what falls due happens, whether the clock runs by itself or is turned."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from licet_sandbox.engine import Engine

_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 10.0
_GATHER = 32

_WITHIN_CALLBACK = ContextVar("within_callback", default=False)


class ClockBusy(Exception):  # Reads as what happened.
    """The clock is being turned, by somebody who waits for whoever asks."""


class Timekeeper:
    """One at a time: either the background look or an advance."""

    def __init__(self, engine: Engine, callbacks: list[Callable[[], Awaitable[None]]]) -> None:
        self._engine = engine
        self._callbacks = callbacks
        self._turn = asyncio.Lock()
        # Since when callbacks have been under way; on the machine's monotonic clock.
        self._told_since: float | None = None

    async def run(self) -> None:
        """Let things happen as the clock reaches them; their events go in the background."""
        while True:
            self._engine.woken.clear()
            async with self._turn:
                await self._catch_up()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._engine.woken.wait()

    async def _catch_up(self) -> None:
        """After a long pause much is due at once: requests are let through in between."""
        while self._do_one():  # noqa: ASYNC110  # Not waiting for anything.
            await asyncio.sleep(0)

    def _do_one(self) -> bool:
        return self._engine.run_due(self._engine.clock.timestamp()) or self._engine.run_test_clocks()

    async def advance(self, target: float) -> None:
        """Turn the clock to `target` (epoch seconds), living through every moment at which something is due.

        At each such moment the clock stands there, what is due happens, its events are sent once, redeliveries that
        are due are tried, and then whoever listens to the clock is told.
        """
        await self._take_turn()
        try:
            while (moment := self._next_moment(target)) is not None:
                self._engine.turn_clock(moment)
                await self._live_through(moment)
                await self._tell()
            self._engine.turn_clock(target)
            self._engine.remember_clock()
            await self._engine.deliveries.sent_once()
            await self._tell()
        finally:
            self._turn.release()

    async def _take_turn(self) -> None:
        """Raises ClockBusy where waiting would never end: an advance from within a callback of another."""
        if _WITHIN_CALLBACK.get():
            raise ClockBusy("The clock cannot be turned from within a callback that is told of its turning.")
        while True:
            told = self._told_since
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._turn.acquire()
            except TimeoutError:
                if told is not None and told == self._told_since:
                    raise ClockBusy(
                        "A callback that is told of the clock's turning does not come to its end."
                    ) from None
            else:
                return

    async def _live_through(self, moment: float) -> None:
        """Do what is due, and send. A few deliveries may gather, so that they go at the same time."""
        while self._engine.run_due(moment):
            if self._engine.deliveries.queued() >= _GATHER:
                await self._engine.deliveries.sent_once()
        self._engine.remember_clock()
        await self._engine.deliveries.sent_once()
        await self._engine.deliveries.retried(moment)

    def _next_moment(self, target: float) -> float | None:
        ahead = (self._engine.next_due_at(), self._engine.deliveries.next_at())
        moments = [moment for moment in ahead if moment is not None and moment <= target]
        return min(moments) if moments else None

    async def _tell(self) -> None:
        self._told_since = time.monotonic()
        within = _WITHIN_CALLBACK.set(True)
        try:
            for callback in self._callbacks:
                await callback()
        finally:
            _WITHIN_CALLBACK.reset(within)
            self._told_since = None
