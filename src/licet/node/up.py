"""`licet up`: everything in one process.

What is cheap and may refuse comes first (lock, sockets), then PostgreSQL's process, and while that starts the libraries
are imported: they take most of the time that a start takes (docs/decisions/quick-start.md).
"""

import asyncio
import signal
import time
from contextlib import AsyncExitStack

import uvloop

from licet.config import Settings
from licet.data_dir import DataDirLock, make_data_dir
from licet.db.embedded import EmbeddedPostgres
from licet.node.addresses import OnReady
from licet.node.listening import listen

STOPS_WITHIN_SECONDS = 4.5
"""From the signal to the end. PostgreSQL gets what the other parts have left of it, as a rule nearly all."""
POSTGRES_GETS_AT_LEAST_SECONDS = 0.5
"""Then it is told to drop everything, from which the next start recovers, which takes it seconds."""
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run_up(settings: Settings, ready: OnReady) -> None:
    """Runs until SIGTERM, SIGINT or SIGHUP, which end it cleanly. Raises StartupError, and what made a part end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told_to_stop(settings, ready))


class Told:
    """Whether and when a signal said to stop."""

    def __init__(self) -> None:
        self._at: float | None = None

    def now(self) -> bool:
        """Notes the time; False if it was told before."""
        first = self._at is None
        if first:
            self._at = time.monotonic()
        return first

    def __bool__(self) -> bool:
        return self._at is not None

    @property
    def seconds_left(self) -> float:
        """Of the time that a stop may take."""
        return STOPS_WITHIN_SECONDS - (time.monotonic() - self._at if self._at is not None else 0)


async def _up(settings: Settings, ready: OnReady, told: Told) -> None:
    async with AsyncExitStack() as stack:
        make_data_dir(settings.data_dir)
        stack.enter_context(DataDirLock(settings.data_dir))
        api_socket = stack.enter_context(listen(settings.host, settings.port, option="--port"))
        sandbox_socket = None
        if settings.mode == "sandbox":
            host = settings.host if settings.sandbox_public else "127.0.0.1"
            sandbox_socket = stack.enter_context(listen(host, settings.sandbox_port, option="--sandbox-port"))

        embedded = None
        if settings.database_url is None:
            embedded = LaunchedPostgres(settings)
            stack.push_async_callback(embedded.stop, told)
            await asyncio.sleep(0)  # its thread begins before the imports take this one

        from licet.node.logs import set_up_logs  # noqa: PLC0415 - what PostgreSQL starts beside
        from licet.node.serving import serve  # noqa: PLC0415

        set_up_logs(settings)
        dsn = await embedded.ready() if embedded else _given(settings)
        await serve(settings, dsn=dsn, api_socket=api_socket, sandbox_socket=sandbox_socket, ready=ready)


def _given(settings: Settings) -> str:
    return settings.database_url.get_secret_value() if settings.database_url else ""


class LaunchedPostgres:
    """The embedded server, on its way up in a thread."""

    def __init__(self, settings: Settings) -> None:
        self._server = EmbeddedPostgres(settings.data_dir)
        self._launching = asyncio.create_task(asyncio.to_thread(self._server.launch))

    async def ready(self) -> str:
        """The DSN, once it answers. Raises StartupError where it does not."""
        # Cancelled, the thread would go on with nobody waiting for it; `stop` does.
        await asyncio.shield(self._launching)
        await self._server.ready()
        return self._server.dsn

    async def stop(self, told: Told) -> None:
        """Also while it is still starting."""
        await asyncio.wait([self._launching])
        if self._launching.exception() is None:
            await self._server.stop(patience_seconds=max(told.seconds_left, POSTGRES_GETS_AT_LEAST_SECONDS))


async def _until_told_to_stop(settings: Settings, ready: OnReady) -> None:
    """Cancels what runs at the first signal; later ones change nothing, since the stop is bounded."""
    told = Told()
    task = asyncio.create_task(_up(settings, ready, told))

    def stop() -> None:
        if told.now():
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not told:
            raise
