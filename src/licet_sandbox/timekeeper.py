"""The passing of time: what falls due happens, whether the clock runs by itself or is turned."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from licet_sandbox.engine import Engine

_LOOK_SECONDS = 0.5


class Timekeeper:
    """One at a time: either the background look or an advance."""

    def __init__(self, engine: Engine, callbacks: list[Callable[[], Awaitable[None]]]) -> None:
        self._engine = engine
        self._callbacks = callbacks
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Let things happen as the clock reaches them; their events go in the background."""
        while True:
            async with self._turn:
                await self._catch_up()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _catch_up(self) -> None:
        """After a long pause much is due at once: requests are let through in between."""
        while self._engine.run_due(self._engine.clock.timestamp()):  # noqa: ASYNC110  # Not waiting for anything.
            await asyncio.sleep(0)

    async def advance(self, target: float) -> None:
        """Turn the clock to `target` (epoch seconds), living through every moment at which something is due.

        At each such moment the clock stands there, what is due happens, its events are sent once, redeliveries that
        are due are tried, and then whoever listens to the clock is told.
        """
        async with self._turn:
            while (moment := self._next_moment(target)) is not None:
                self._engine.turn_clock(moment)
                while self._engine.run_due(moment):
                    await self._engine.deliveries.sent_once()
                await self._engine.deliveries.retried(moment)
                await self._tell()
            self._engine.turn_clock(target)
            await self._engine.deliveries.sent_once()
            await self._tell()

    def _next_moment(self, target: float) -> float | None:
        ahead = (self._engine.next_due_at(), self._engine.deliveries.next_at())
        moments = [moment for moment in ahead if moment is not None and moment <= target]
        return min(moments) if moments else None

    async def _tell(self) -> None:
        for callback in self._callbacks:
            await callback()
