"""Runs due work as the clock passes, in real time or when it is advanced."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from licet_sandbox.engine import Engine

_POLL_SECONDS = 0.5
_CALLBACK_TIMEOUT_SECONDS = 10.0
_BATCH = 32

_WITHIN_CALLBACK = ContextVar("within_callback", default=False)


class ClockBusy(Exception):
    """Raised if another advance is running that cannot end before this one."""


class Timekeeper:
    """Runs due work, one run at a time: the background poll or an advance."""

    def __init__(self, engine: Engine, callbacks: list[Callable[[], Awaitable[None]]]) -> None:
        self._engine = engine
        self._callbacks = callbacks
        self._lock = asyncio.Lock()
        # When the running callbacks were started, on the machine's monotonic clock; None while there are none.
        self._callbacks_since: float | None = None

    async def run(self) -> None:
        """Runs due work as the clock reaches it; its events are sent in the background."""
        while True:
            self._engine.woken.clear()
            async with self._lock:
                await self._catch_up()
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._engine.woken.wait()

    async def _catch_up(self) -> None:
        """Runs all due work. Requests are served in between, because after a long pause there is a lot."""
        while self._run_one():  # noqa: ASYNC110  # Not waiting for anything.
            await asyncio.sleep(0)

    def _run_one(self) -> bool:
        return self._engine.run_due(self._engine.clock.timestamp()) or self._engine.run_test_clocks()

    async def advance(self, target: float) -> None:
        """Advances the clock to `target` (epoch seconds), through every time at which work is due.

        At each such time the due work runs, its events are sent once, redeliveries that are due are tried, and then the
        callbacks are awaited.
        """
        await self._acquire()
        try:
            while (moment := self._next_moment(target)) is not None:
                self._engine.advance_clock(moment)
                await self._run_until(moment)
                await self._run_callbacks()
            self._engine.advance_clock(target)
            self._engine.save_clock()
            await self._engine.deliveries.wait_until_sent()
            await self._run_callbacks()
        finally:
            self._lock.release()

    async def _acquire(self) -> None:
        """Acquires the lock.

        Raises ClockBusy if the wait would never end: the call comes from a callback of another advance.
        """
        if _WITHIN_CALLBACK.get():
            raise ClockBusy("The clock cannot be advanced from within a callback of an advance; advance it after that.")
        while True:
            since = self._callbacks_since
            try:
                async with asyncio.timeout(_CALLBACK_TIMEOUT_SECONDS):
                    await self._lock.acquire()
            except TimeoutError:
                if since is not None and since == self._callbacks_since:
                    raise ClockBusy(
                        "A callback of another advance has not returned; the clock can be advanced after it has."
                    ) from None
            else:
                return

    async def _run_until(self, moment: float) -> None:
        """Runs due work and sends its events, a batch at a time."""
        while self._engine.run_due(moment):
            if self._engine.deliveries.count_queued() >= _BATCH:
                await self._engine.deliveries.wait_until_sent()
        self._engine.save_clock()
        await self._engine.deliveries.wait_until_sent()
        await self._engine.deliveries.wait_until_retried(moment)

    def _next_moment(self, target: float) -> float | None:
        ahead = (self._engine.next_due_at(), self._engine.deliveries.next_retry_at())
        moments = [moment for moment in ahead if moment is not None and moment <= target]
        return min(moments) if moments else None

    async def _run_callbacks(self) -> None:
        self._callbacks_since = time.monotonic()
        within = _WITHIN_CALLBACK.set(True)
        try:
            for callback in self._callbacks:
                await callback()
        finally:
            _WITHIN_CALLBACK.reset(within)
            self._callbacks_since = None
