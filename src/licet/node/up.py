"""`licet up`: runs everything in one process.

The lock and the sockets come first, because they are cheap and may fail. Then PostgreSQL starts, and meanwhile the
libraries are imported, which takes most of the time of a start (docs/decisions/quick-start.md).
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
from licet.startup_error import StartupError

SHUTDOWN_SECONDS = 4.0
"""Time from the signal to the end of a fast shutdown of PostgreSQL, which gets what the other parts have not used,
usually most of it. One that does not react is then killed, within the five seconds of a stop."""
POSTGRES_MIN_SHUTDOWN_SECONDS = 0.5
"""After its time PostgreSQL is shut down immediately. The next start then takes some seconds to recover."""
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run_up(settings: Settings, ready: OnReady) -> None:
    """Runs until SIGTERM, SIGINT or SIGHUP. Raises StartupError, and the error of a part that failed."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run_until_signal(settings, ready))


class StopRequest:
    """Records whether and when a signal requested the stop."""

    def __init__(self) -> None:
        self._at: float | None = None

    def record(self) -> bool:
        """Records the time. Returns False if a stop was requested before."""
        first = self._at is None
        if first:
            self._at = time.monotonic()
        return first

    def __bool__(self) -> bool:
        return self._at is not None

    @property
    def seconds_left(self) -> float:
        """Time left for the shutdown."""
        return SHUTDOWN_SECONDS - (time.monotonic() - self._at if self._at is not None else 0)


async def _up(settings: Settings, ready: OnReady, stop_request: StopRequest) -> None:
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
            stack.push_async_callback(embedded.stop, stop_request)
            await asyncio.sleep(0)  # its thread starts before the imports block this one

        from licet.node.logs import set_up_logs  # noqa: PLC0415 - imported while PostgreSQL starts
        from licet.node.serving import serve  # noqa: PLC0415

        set_up_logs(settings)
        dsn = await embedded.ready() if embedded else _database_url(settings)
        others = [asyncio.create_task(embedded.watch())] if embedded else []
        for task in others:
            stack.push_async_callback(_cancel, task)
        await serve(settings, dsn=dsn, api_socket=api_socket, sandbox_socket=sandbox_socket, ready=ready, others=others)


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task})


def _database_url(settings: Settings) -> str:
    return settings.database_url.get_secret_value() if settings.database_url else ""


WATCH_SECONDS = 0.5
"""How often the node looks whether PostgreSQL still runs."""
RESTART_MAX_SECONDS = 30.0
"""The longest wait between two attempts to start it again, for example while its disk is full."""
RESTART_RESET_SECONDS = 60.0
"""A server that has run this long is started again at once when it ends."""


class LaunchedPostgres:
    """The embedded PostgreSQL, started in a thread."""

    def __init__(self, settings: Settings) -> None:
        self._server = EmbeddedPostgres(settings.data_dir)
        self._launching = asyncio.create_task(asyncio.to_thread(self._server.launch))

    async def ready(self) -> str:
        """Waits until it accepts connections and returns its DSN. Raises StartupError if it does not start."""
        # Shielded: on cancellation the thread continues, and `stop` waits for it.
        await asyncio.shield(self._launching)
        await self._server.ready()
        return self._server.dsn

    async def watch(self) -> None:
        """Starts PostgreSQL again whenever it ends, with growing waits. Never returns."""
        import structlog  # noqa: PLC0415 - imported while PostgreSQL starts

        log = structlog.get_logger(__name__)
        wait_seconds, started_at = WATCH_SECONDS, time.monotonic()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if not self._server.has_ended():
                continue
            if time.monotonic() - started_at > RESTART_RESET_SECONDS:
                wait_seconds = WATCH_SECONDS
            log.error("postgresql_ended", restart_seconds=wait_seconds)
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(2 * wait_seconds, RESTART_MAX_SECONDS)
            try:
                self._launching = asyncio.create_task(asyncio.to_thread(self._server.launch))
                await self.ready()
            except (StartupError, OSError) as error:
                log.error("postgresql_not_restarted", reason=str(error), retry_seconds=wait_seconds)  # noqa: TRY400
            else:
                log.warning("postgresql_restarted")
            started_at = time.monotonic()

    async def stop(self, stop_request: StopRequest) -> None:
        """Stops it, also while it is still starting."""
        await asyncio.wait([self._launching])
        if self._launching.exception() is None:
            await self._server.stop(patience_seconds=max(stop_request.seconds_left, POSTGRES_MIN_SHUTDOWN_SECONDS))


async def _run_until_signal(settings: Settings, ready: OnReady) -> None:
    """Cancels the node on the first signal. Ignores later signals: the shutdown time is limited."""
    stop_request = StopRequest()
    task = asyncio.create_task(_up(settings, ready, stop_request))

    def stop() -> None:
        if stop_request.record():
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not stop_request:
            raise
