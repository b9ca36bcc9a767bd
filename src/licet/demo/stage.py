"""The stage: `licet up` in a process of its own, on free ports, over a directory that is removed afterwards.

It is the very command that anybody starts, and takes no setting from whoever runs the demo: nothing of theirs can be
reached, neither their database nor their Stripe account.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

from licet.data_dir import make_data_dir
from licet.db.postmaster import find_postmaster, shut_down
from licet.startup_error import StartupError

LOG = "licet.log"
"""In the directory: what Licet and its sandbox wrote to stderr."""

_READY_WITHIN_SECONDS = 120.0
_LOOK_SECONDS = 0.2
_ENDS_WITHIN_SECONDS = 15.0
_POSTGRES_ENDS_WITHIN_SECONDS = 5.0


@dataclass(frozen=True)
class Open:
    """What the stage offers: the addresses, and the secrets that open them."""

    url: str
    sandbox_url: str
    operator_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)


class EndedByItself(Exception):
    """What was to stay is gone, and nobody asked for that. Says what it wrote last."""


class Stage:
    """Entering makes the directory and starts the process; `ready` waits for it; leaving clears it.

    keep: a directory that is empty or not there yet, and stays afterwards; None: a throw-away one. Where we are killed,
    the process ends by itself (`tethered.py`) and the directory stays.
    Raises StartupError.
    """

    def __init__(self, keep: Path | None = None) -> None:
        self._keep = keep
        self.directory = keep or Path()
        """Known once it was entered."""
        self._process: subprocess.Popen[str] | None = None
        self._socket_dir: Path | None = None

    def __enter__(self) -> Self:
        self.directory = _throw_away_directory() if self._keep is None else _kept_directory(self._keep)
        try:
            self._process = self._start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Ends the process and removes the directory unless it is to be kept. Once is enough, twice does no harm."""
        try:
            self._end()
        finally:
            self._remove()

    def end_soon(self) -> None:
        """Tells the process to end, without waiting for it. For a signal's handler."""
        if self._process is not None:
            self._process.terminate()

    def wait(self, told: Callable[[], bool]) -> None:
        """Until the process ends. Raises EndedByItself where that was not because `told` said so."""
        if self._process is None:
            raise RuntimeError("a stage ends only after it was entered")
        exit_code = self._process.wait()
        if not told():
            raise EndedByItself(f"Licet ended by itself (exit code {exit_code}). Its log ends:\n{self._last_words()}")

    def ready(self, check: Callable[[], None] = lambda: None) -> Open:
        """Waits until every address answers. Raises StartupError with the reason where it does not come to that.

        check: called now and then; what it raises ends the wait.
        """
        process = self._process
        if process is None or process.stdout is None:
            raise RuntimeError("a stage is ready only after it was entered")
        deadline = time.monotonic() + _READY_WITHIN_SECONDS
        while not select.select([process.stdout], [], [], _LOOK_SECONDS)[0]:
            check()
            if time.monotonic() > deadline:
                raise StartupError(
                    f"Licet was not ready within {_READY_WITHIN_SECONDS:.0f} s. Its log ends:\n{self._last_words()}"
                )
        line = process.stdout.readline()
        check()
        if not line:
            raise StartupError(self._why_it_ended(process.wait()))
        said = json.loads(line)
        self._socket_dir = _socket_dir(said["databaseUrl"])
        return Open(said["url"], said["sandboxUrl"], said["operatorKey"], said["webhookSecret"])

    def _start(self) -> "subprocess.Popen[str]":
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("LICET_", "STRIPE_"))}
        # The story asks more within seconds than one key may within a minute.
        environment["LICET_RATE_LIMITS"] = "off"
        command = [sys.executable, "-m", "licet.demo.tethered", "up", "--port", "0", "--sandbox-port", "0", "--json"]
        with os.fdopen(os.open(self.directory / LOG, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as log:
            # In our process group, so that whoever ends that as a whole ends this too. Started from the new directory,
            # it finds no `.env`.
            return subprocess.Popen(
                [*command, "--data-dir", str(self.directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.directory,
                env=environment,
                text=True,
            )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.stdin is None or process.stdout is None:
            return
        process.terminate()
        try:
            process.wait(_ENDS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdin.close()
        process.stdout.close()
        left = find_postmaster(Path(os.path.realpath(self.directory)) / "postgres")
        if left is not None and left.running:
            shut_down(left.pid, lambda: not left.running, patience_seconds=_POSTGRES_ENDS_WITHIN_SECONDS)

    def _remove(self) -> None:
        if self._keep is not None or not self.directory.exists():
            return
        shutil.rmtree(self.directory)
        # Where the directory's path is too long for a socket, that stands in a private directory elsewhere.
        if self._socket_dir is not None and self._socket_dir.exists():
            shutil.rmtree(self._socket_dir)

    def _why_it_ended(self, exit_code: int) -> str:
        words = self._last_words()
        if exit_code == StartupError.exit_code:
            return words.rpartition("licet: ")[2]
        return f"Licet ended with exit code {exit_code} before it was ready. Its log ends:\n{words}"

    def _last_words(self) -> str:
        return (self.directory / LOG).read_text(encoding="utf-8", errors="replace")[-1500:].strip()


def _throw_away_directory() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="licet-demo-"))
    if os.geteuid() == 0:
        # PostgreSQL runs as another user then, who passes through here to a directory of its own.
        directory.chmod(0o711)
    return directory


def _kept_directory(directory: Path) -> Path:
    """Raises StartupError where something is in it already: the story would be told over somebody's data."""
    directory = directory.expanduser().absolute()
    make_data_dir(directory)
    if any(directory.iterdir()):
        raise StartupError(f"{directory} is not empty. Name an empty or new directory with --data-dir.")
    return directory


def _socket_dir(dsn: str) -> Path | None:
    hosts = parse_qs(urlsplit(dsn).query).get("host")
    return Path(hosts[0]) if hosts else None
