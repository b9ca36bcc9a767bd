"""Runs `licet up` in a child process, on free ports and on a directory that is removed afterwards.

The child gets none of the user's settings, so the demo cannot reach the user's database or Stripe account.

The child runs this module: `python -m licet.demo.process up` is `licet up`, but ends when its parent ends. Its standard
input is a pipe to which nothing is written. The kernel closes the pipe with the parent, also if the parent is killed.
"""

import json
import os
import runpy
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

from licet.data_dir import make_data_dir
from licet.db.postmaster import find_postmaster, shut_down
from licet.startup_error import StartupError

LOG_FILE = "licet.log"
"""File in the directory with the stderr of Licet and its sandbox."""

_START_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.2
_STOP_TIMEOUT_SECONDS = 15.0
_POSTGRES_STOP_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class DemoAddresses:
    """Addresses of the running Licet, and its secrets."""

    url: str
    sandbox_url: str
    operator_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)


class UnexpectedExit(Exception):
    """Raised if Licet stops while the demo serves. The message contains the end of its log."""


class DemoProcess:
    """A child process that runs Licet. The block starts it, and stops it at the end.

    keep: an empty or new directory that is kept afterwards; None: a temporary directory, which is removed. If the demo
    is killed, the child ends too, and the directory is left behind.
    Raises StartupError.
    """

    def __init__(self, keep: Path | None = None) -> None:
        self._keep = keep
        self.directory = keep or Path()
        """Set when the block is entered."""
        self._process: subprocess.Popen[str] | None = None
        self._socket_dir: Path | None = None

    def __enter__(self) -> Self:
        self.directory = _temporary_directory() if self._keep is None else _kept_directory(self._keep)
        try:
            self._process = self._start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops the process, and removes the directory unless it is kept. Can be called more than once."""
        try:
            self._stop()
        finally:
            self._remove()

    def terminate(self) -> None:
        """Asks the process to stop, without waiting for it. May be called from a signal handler."""
        if self._process is not None:
            self._process.terminate()

    def wait(self, stop_requested: Callable[[], bool]) -> None:
        """Waits until the process ends. Raises UnexpectedExit unless `stop_requested` returns True then."""
        if self._process is None:
            raise RuntimeError("the process was not started")
        exit_code = self._process.wait()
        if not stop_requested():
            raise UnexpectedExit(
                f"Licet stopped unexpectedly (exit code {exit_code}). Use --data-dir to keep its log, which ends:\n"
                f"{self._log_tail()}"
            )

    def wait_until_ready(self, check_interrupted: Callable[[], None] = lambda: None) -> DemoAddresses:
        """Waits until all addresses respond. Raises StartupError with the reason if Licet does not start.

        check_interrupted: called repeatedly. An exception that it raises ends the wait.
        """
        process = self._process
        if process is None or process.stdout is None:
            raise RuntimeError("the process was not started")
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        while not select.select([process.stdout], [], [], _POLL_SECONDS)[0]:
            check_interrupted()
            if time.monotonic() > deadline:
                raise StartupError(
                    f"Licet did not start within {_START_TIMEOUT_SECONDS:.0f} s. Use --data-dir to keep its log, which "
                    f"ends:\n{self._log_tail()}"
                )
        line = process.stdout.readline()
        check_interrupted()
        if not line:
            raise StartupError(self._exit_reason(process.wait()))
        printed = json.loads(line)
        self._socket_dir = _socket_dir(printed["databaseUrl"])
        return DemoAddresses(printed["url"], printed["sandboxUrl"], printed["operatorKey"], printed["webhookSecret"])

    def _start(self) -> "subprocess.Popen[str]":
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("LICET_", "STRIPE_"))}
        # The demo sends more requests per minute than the limit for one key.
        environment["LICET_RATE_LIMITS"] = "off"
        command = [sys.executable, "-m", "licet.demo.process", "up", "--port", "0", "--sandbox-port", "0", "--json"]
        with os.fdopen(os.open(self.directory / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as log:
            # In the demo's process group, so that a signal to the group stops it too. The new directory is its working
            # directory, so that it finds no `.env`.
            return subprocess.Popen(
                [*command, "--data-dir", str(self.directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.directory,
                env=environment,
                text=True,
            )

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.stdin is None or process.stdout is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdin.close()
        process.stdout.close()
        postgres = find_postmaster(Path(os.path.realpath(self.directory)) / "postgres")
        if postgres is not None and postgres.running:
            shut_down(postgres.pid, lambda: not postgres.running, patience_seconds=_POSTGRES_STOP_TIMEOUT_SECONDS)

    def _remove(self) -> None:
        if self._keep is not None or not self.directory.exists():
            return
        shutil.rmtree(self.directory)
        # If the directory's path is too long for a socket, the socket is in another private directory.
        if self._socket_dir is not None and self._socket_dir.exists():
            shutil.rmtree(self._socket_dir)

    def _exit_reason(self, exit_code: int) -> str:
        log_tail = self._log_tail()
        if exit_code == StartupError.exit_code:
            return log_tail.rpartition("licet: ")[2]
        return (
            f"Licet stopped with exit code {exit_code} before it was ready. Use --data-dir to keep its log, which "
            f"ends:\n{log_tail}"
        )

    def _log_tail(self) -> str:
        return (self.directory / LOG_FILE).read_text(encoding="utf-8", errors="replace")[-1500:].strip()


def _temporary_directory() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="licet-demo-"))
    if os.geteuid() == 0:
        # PostgreSQL then runs as another user, which needs access to its own directory in this one.
        directory.chmod(0o711)
    return directory


def _kept_directory(directory: Path) -> Path:
    """Creates the directory. Raises StartupError if it is not empty: existing data is not changed."""
    directory = directory.expanduser().absolute()
    make_data_dir(directory)
    if any(directory.iterdir()):
        raise StartupError(f"{directory} is not empty. Pass an empty or new directory with --data-dir.")
    return directory


def _socket_dir(dsn: str) -> Path | None:
    hosts = parse_qs(urlsplit(dsn).query).get("host")
    return Path(hosts[0]) if hosts else None


def _stop_with_parent() -> None:
    while os.read(0, 1):  # not sys.stdin: reading locks it, and at exit Python waits for such a lock
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    runpy.run_module("licet", run_name="__main__", alter_sys=True)
