"""The sandbox as a library: an ASGI application, a clock, and the tasks behind them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.routing import Mount, Route

from licet_sandbox.api.dispatch import Api
from licet_sandbox.controls.routes import Controls
from licet_sandbox.engine import Engine
from licet_sandbox.guard import guarded
from licet_sandbox.pages.routes import page_routes, static_files
from licet_sandbox.serving import Running, serve
from licet_sandbox.spec.document import document
from licet_sandbox.timekeeper import Timekeeper
from licet_sandbox.validation import checker_of_environment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

log = logging.getLogger("licet_sandbox")

_STOP_SECONDS = 0.8
_AGAIN_SECONDS = 1


class Sandbox:
    """A Stripe of one's own.

    db_path: its SQLite file (None: in memory)
    validate: called with ("request" | "answer" | "event", name, value) for all traffic; see `validation`
    Whoever embeds it serves `app`, sets `base_url` once the port is known, and calls `start`.
    """

    def __init__(self, db_path: Path | None = None, *, validate: Callable[[str, str, Any], None] | None = None) -> None:
        self.base_url = "http://127.0.0.1:8081"
        self._db_path = db_path
        self._validate = validate or checker_of_environment()
        self._callbacks: list[Callable[[], Awaitable[None]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._running: tuple[Engine, Api, Timekeeper] | None = None
        self.app = self._make_app()

    def _make_app(self) -> Starlette:
        def guard(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
            return guarded(handler, lambda: self.base_url)

        controls = Controls(lambda: self._engine, lambda: self._parts[2])
        methods = ["GET", "POST", "DELETE", "PUT", "PATCH"]
        routes = [
            Route("/v1{rest:path}", self._answer_api, methods=methods),
            *controls.routes(guard),
            *page_routes(lambda: self._engine, guard),
            Mount("/static", static_files()),
        ]
        app = Starlette(routes=routes)
        app.router.redirect_slashes = False
        return app

    async def _answer_api(self, request: Request) -> Response:
        return await self._parts[1].answer(request)

    @property
    def _parts(self) -> tuple[Engine, Api, Timekeeper]:
        if self._running is None:
            raise RuntimeError("the sandbox is not started")
        return self._running

    @property
    def _engine(self) -> Engine:
        return self._parts[0]

    async def start(self) -> None:
        """Open the file, resume the clock, and go on delivering what was queued."""
        document()
        engine = Engine(self._db_path, self.base_url, self._validate)
        timekeeper = Timekeeper(engine, self._callbacks)
        self._running = (engine, Api(engine), timekeeper)
        self._tasks = [asyncio.create_task(_keep_up(run)) for run in (engine.deliveries.run, timekeeper.run)]

    async def stop(self) -> None:
        """End within a second; what was not delivered stands in the file."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
        self._tasks = []
        if self._running is not None:
            self._running[0].close()
            self._running = None

    def now(self) -> datetime:
        """Aware UTC: the sandbox's clock."""
        return self._engine.clock.now()

    def on_clock_turned(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Await this at each step of an advance, after the clock stands there and that moment's events were sent."""
        self._callbacks.append(callback)

    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> Running:
        """Serve in this event loop, on a free port unless one is given, and start; stop it with `.stop()`."""
        return await serve(self, host, port)


async def _keep_up(run: Callable[[], Awaitable[None]]) -> None:
    """A background task never ends by itself. Where it fails, say so and begin anew: a full disk may be emptied."""
    while True:
        try:
            await run()
        except Exception:
            log.exception("a background task of the sandbox failed; it is tried again in %s s", _AGAIN_SECONDS)
            await asyncio.sleep(_AGAIN_SECONDS)
