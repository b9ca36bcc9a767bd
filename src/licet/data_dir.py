"""The data directory: creation, private files, and a lock that allows one process at a time."""

import errno
import fcntl
import os
import stat
import tempfile
from pathlib import Path
from typing import Self

from licet.startup_error import StartupError


def make_data_dir(path: Path) -> None:
    """Creates `path` and its missing parents. An existing directory and its mode are not changed.

    Raises StartupError if it cannot be created, and if other users may write to it.
    """
    if path.is_dir():
        _check_writers(path)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700)
        if os.geteuid() == 0:
            # PostgreSQL then runs as another user, which must pass this directory to reach its own.
            path.chmod(0o711)
    except FileExistsError:
        if not path.is_dir():
            raise StartupError(f"{path} is not a directory. Choose another --data-dir.") from None
    except OSError as error:
        raise StartupError(
            f"The data directory {path} cannot be created: {error.strerror} ({error.filename}). "
            "Choose another with --data-dir or LICET_DATA_DIR."
        ) from None


def _check_writers(path: Path) -> None:
    """Raises StartupError if other users may write to the directory.

    They could replace its files with their own. An owner other than root and the current user is accepted, because root
    may run Licet on a user's directory.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StartupError(
            f"Other users may write to the data directory {path} (mode {mode:04o}), and could replace its keys. Run "
            f"chmod go-w {path}, or choose another --data-dir, such as a new directory below it."
        )


def write_private(path: Path, text: str) -> None:
    """Writes `text` to a file of mode 0600, as `write_file` does."""
    write_file(path, text, mode=0o600)


def write_file(path: Path, text: str, *, mode: int) -> None:
    """Writes `text` to a file atomically; a power cut leaves the old file or the new one.

    The new file is created exclusively, under a random name, so that no symbolic link is followed.
    """
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(fresh).rename(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def read_private(path: Path) -> str | None:
    """Reads a file of `write_private`, without surrounding whitespace; None if it is missing or empty.

    Raises StartupError if the file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartupError(
            f"{path} cannot be read: {error.strerror}. Run as the user that started Licet first, which owns the file."
        ) from None


class DataDirLock:
    """The kernel's lock on `DATA_DIR/lock`. It is released when the process ends, also when it is killed."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "lock"
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Takes the lock. Raises StartupError if another process holds it, with that process's id."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StartupError(
                f"The data directory {self._path.parent} cannot be used: {error.strerror} ({self._path}). "
                "Run as the user that created it, or choose another --data-dir."
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
                raise
            process = f" (process {holder})" if holder else ""
            raise StartupError(
                f"Licet already runs on the data directory {self._path.parent}{process}. "
                "Stop that process, or choose another --data-dir."
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
