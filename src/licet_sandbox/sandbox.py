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
_RESTART_SECONDS = 1


class Sandbox:
    """A sandbox in this process.

    db_path: its SQLite file (None: in memory)
    validate: called with ("request" | "answer" | "event", name, value) for all traffic; see `validation`
    To embed it: serve `app`, set `base_url` once the port is known, and call `start`.
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
            raise RuntimeError("the sandbox is not started: call start() first")
        return self._running

    @property
    def _engine(self) -> Engine:
        return self._parts[0]

    async def start(self) -> None:
        """Opens the file, resumes the clock, and continues the queued deliveries."""
        document()
        engine = Engine(self._db_path, self.base_url, self._validate)
        timekeeper = Timekeeper(engine, self._callbacks)
        self._running = (engine, Api(engine), timekeeper)
        self._tasks = [asyncio.create_task(_run_forever(run)) for run in (engine.deliveries.run, timekeeper.run)]

    async def stop(self) -> None:
        """Stops within a second; undelivered events stay in the file."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
        self._tasks = []
        if self._running is not None:
            self._running[0].close()
            self._running = None

    def now(self) -> datetime:
        """The time of the sandbox's clock, aware UTC."""
        return self._engine.clock.now()

    def on_clock_advanced(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Registers a callback, awaited at each step of an advance after the events of that time were sent."""
        self._callbacks.append(callback)

    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> Running[Sandbox]:
        """Starts the sandbox and serves it in this event loop; stop it with `.stop()`.

        port: 0 takes a free one
        """
        return await serve(self, host, port)


async def _run_forever(run: Callable[[], Awaitable[None]]) -> None:
    """Runs a background task, and restarts it if it fails: a full disk may have been freed meanwhile."""
    while True:
        try:
            await run()
        except Exception:
            log.exception("a background task of the sandbox failed; it restarts in %s s", _RESTART_SECONDS)
            await asyncio.sleep(_RESTART_SECONDS)
