"""Finds a running PostgreSQL server by its pid file, and stops it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_READY = "ready"

IMMEDIATE_SHUTDOWN_SECONDS = 0.3
"""An immediate shutdown writes nothing, so a server that has not ended by now is frozen."""
KILL_SECONDS = 3.0
"""The kernel ends a killed process at once, unless it waits for a disk."""


@dataclass(frozen=True)
class Postmaster:
    """The main process of a server, from `postmaster.pid`. Source of its lines: PostgreSQL's miscadmin.h."""

    pid: int
    cluster: Path
    socket_dir: Path | None
    """None until the server has written it."""
    ready: bool

    @property
    def running(self) -> bool:
        """True if the process runs and serves this cluster.

        After a reboot the id may belong to another program. A server is recognised by its working directory, which is
        the cluster.
        """
        proc = Path(f"/proc/{self.pid}")
        try:
            if proc.parent.joinpath("self").exists():
                # A zombie, whose parent was killed and which no process reaps, has no cwd: FileNotFoundError.
                return (proc / "cwd").readlink() == self.cluster
            ps = ["/bin/ps", "-p", str(self.pid), "-o", "command="]
            return str(self.cluster) in subprocess.run(ps, capture_output=True, text=True, check=False).stdout
        except OSError:
            return False


def shut_down(pid: int, gone: Callable[[], bool], *, patience_seconds: float) -> None:
    """Stops a server with a fast shutdown, which rolls back open transactions and writes all data.

    After `patience_seconds` it uses the immediate shutdown, and kills a server that does not react to that either, such
    as a frozen one. The next start then runs recovery; nothing that was committed is lost. Raises TimeoutError if the
    process cannot be killed.
    """
    for stop_signal, seconds in (
        (signal.SIGINT, patience_seconds),
        (signal.SIGQUIT, IMMEDIATE_SHUTDOWN_SECONDS),
        (signal.SIGKILL, KILL_SECONDS),
    ):
        if gone():
            return
        with suppress(ProcessLookupError):
            os.kill(pid, stop_signal)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if gone():
                return
            time.sleep(0.01)
    raise TimeoutError(f"PostgreSQL (process {pid}) did not stop. Stop it by hand.")


def find_postmaster(cluster: Path) -> Postmaster | None:
    """The server of the pid file; None if there is no pid file or it contains no number."""
    try:
        lines = _pid_file(cluster).read_text(encoding="utf-8").splitlines()
        return Postmaster(
            pid=abs(int(lines[0])),
            cluster=cluster,
            socket_dir=Path(lines[4]) if len(lines) > 4 and lines[4] else None,
            ready=len(lines) > 7 and lines[7].strip() == _READY,
        )
    except (FileNotFoundError, IndexError, ValueError):
        return None


def remove_stale_pid_file(cluster: Path) -> None:
    """Removes a pid file whose process id now belongs to another program.

    PostgreSQL would mistake that program for a running server. If no process has the id, the file stays: PostgreSQL
    removes it, after it has checked shared memory for surviving processes. The caller holds the data directory's lock.
    """
    found = find_postmaster(cluster)
    if found and found.running:
        return
    if found is None or _alive(found.pid):
        _pid_file(cluster).unlink(missing_ok=True)


def remove_stale_socket(socket_dir: Path) -> None:
    """Removes the socket and the lock file of a killed server.

    The process id in the lock file may belong to another program now. Call it only while no server runs on the
    cluster that this directory belongs to.
    """
    for name in (".s.PGSQL.5432.lock", ".s.PGSQL.5432"):
        (socket_dir / name).unlink(missing_ok=True)


def _pid_file(cluster: Path) -> Path:
    return cluster / "postmaster.pid"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
