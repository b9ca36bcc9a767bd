"""Runs `licet up` as a user does: in another process, observed by its output and responses."""

import json
import os
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.support.patience import PATIENCE_SECONDS

from licet.db.postmaster import find_postmaster, shut_down


def environment(**given: str) -> dict[str, str]:
    """This process's environment without Licet's and Stripe's variables, and with the given ones."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("LICET_", "STRIPE_"))}
    return bare | given


def as_user(uid: int) -> list[str]:
    """The prefix with which root runs a command as an ordinary user.

    The interpreter may be in a directory of mode 0700, hence the capabilities.
    """
    caps = "-all,+dac_read_search"
    who = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups", f"--inh-caps={caps}", f"--ambient-caps={caps}"]
    return ["setpriv", *who]


@dataclass
class Running:
    """A `licet up` process that has printed its JSON line, `ready`."""

    process: "subprocess.Popen[str]"
    ready: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.ready["url"])

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=PATIENCE_SECONDS)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal and returns the exit code."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_SECONDS)


def command(data_dir: Path, *options: str, before: list[str] | None = None) -> list[str]:
    licet = Path(sys.executable).with_name("licet")
    return [*(before or []), str(licet), "up", "--data-dir", str(data_dir), *options]


ANY_PORTS = ("--port", "0", "--sandbox-port", "0", "--json")


def start(
    argv: list[str],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    spawned: Callable[[int], None] | None = None,
) -> Running:
    """Starts the command and waits for its JSON line. spawned: called with the process id at once."""
    with (cwd / "stderr.log").open("a") as log:
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=dict(env or environment()),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    if spawned is not None:
        spawned(process.pid)
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE_SECONDS)
    line = process.stdout.readline() if ready else ""
    if not line:
        process.kill()
        process.wait()
        process.stdout.close()
        raise AssertionError(f"the process ended or timed out before it was ready:\n{(cwd / 'stderr.log').read_text()}")
    return Running(process, json.loads(line))


@contextmanager
def running(
    data_dir: Path, *options: str, before: list[str] | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Runs Licet on free ports over `data_dir`, and stops it afterwards if the test has not."""
    it = start(command(data_dir, *ANY_PORTS, *options, before=before), data_dir.parent, env)
    try:
        yield it
    finally:
        if it.process.poll() is None:
            it.end()
        assert it.process.stdout is not None
        it.process.stdout.close()
        end_database(data_dir)


def refused(data_dir: Path, *options: str, env: Mapping[str, str] | None = None) -> str:
    """The stderr of a `licet up` that refuses to start: exit code 3, no stdout, no stack trace."""
    done = subprocess.run(
        command(data_dir, *options),
        cwd=data_dir.parent,
        env=dict(env or environment()),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def database_process(data_dir: Path) -> int | None:
    """The id of the PostgreSQL process over this directory, or None."""
    found = find_postmaster(Path(os.path.realpath(data_dir)) / "postgres")
    return found.pid if found and found.running else None


def children_of(pid: int) -> list[int]:
    """The ids of the processes that this one started."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


def end_database(data_dir: Path) -> None:
    """Stops the PostgreSQL server that a killed Licet left running."""
    pid = database_process(data_dir)
    if pid is not None:
        shut_down(pid, lambda: database_process(data_dir) is None, patience_seconds=PATIENCE_SECONDS)


def modes(path: Path) -> dict[Path, int]:
    """The modes of `path` and its parent directories, where they exist."""
    return {parent: stat.S_IMODE(parent.stat().st_mode) for parent in [path, *path.parents] if parent.exists()}
