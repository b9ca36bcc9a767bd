"""A running PostgreSQL server as its own pid file tells of it: found, recognised, stopped."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_READY = "ready"


@dataclass(frozen=True)
class Postmaster:
    """The head process of a server, from `postmaster.pid` (its lines are fixed in PostgreSQL's miscadmin.h)."""

    pid: int
    cluster: Path
    socket_dir: Path | None
    """None for the moment in which the server has not written it yet."""
    ready: bool

    @property
    def running(self) -> bool:
        """Whether that process lives and serves this cluster: after a reboot the number may be somebody else's.

        A server changes into its data directory; that is how it is known.
        """
        proc = Path(f"/proc/{self.pid}")
        try:
            if proc.parent.joinpath("self").exists():
                # A zombie (its parent was killed and nobody reaps it) has no cwd any more: FileNotFoundError.
                return (proc / "cwd").readlink() == self.cluster
            asked = ["/bin/ps", "-p", str(self.pid), "-o", "command="]
            return str(self.cluster) in subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        except OSError:
            return False


def shut_down(pid: int, gone: Callable[[], bool], *, patience_seconds: float) -> None:
    """PostgreSQL's fast shutdown: open transactions are rolled back, everything is written, the process ends.

    After `patience_seconds` it is the immediate one, from which the next start recovers.
    """
    for how in (signal.SIGINT, signal.SIGQUIT):
        if gone():
            return
        with suppress(ProcessLookupError):
            os.kill(pid, how)
        deadline = time.monotonic() + patience_seconds
        while time.monotonic() < deadline:
            if gone():
                return
            time.sleep(0.01)
    raise TimeoutError(f"PostgreSQL (process {pid}) did not end in {2 * patience_seconds:.0f} s")


def find_postmaster(cluster: Path) -> Postmaster | None:
    """What the pid file says; None if there is none or it holds no number."""
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


def forget_stale(cluster: Path) -> None:
    """Removes a pid file whose number now belongs to another program, which PostgreSQL would take for a live server.

    One whose process is gone stays: PostgreSQL clears it itself, after looking for survivors in shared memory.
    Only for who holds the data directory's lock.
    """
    found = find_postmaster(cluster)
    if found and found.running:
        return
    if found is None or _alive(found.pid):
        _pid_file(cluster).unlink(missing_ok=True)


def forget_stale_socket(socket_dir: Path) -> None:
    """Removes the lock that a killed server left beside its socket: the number in it, too, may be somebody else's now.

    Only while no server runs on the one cluster that this directory belongs to.
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
