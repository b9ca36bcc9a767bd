"""The data directory: made with care, used by one process at a time, its secrets readable by nobody else."""

import errno
import fcntl
import os
import tempfile
from pathlib import Path
from typing import Self

from licet.startup_error import StartupError


def make_data_dir(path: Path) -> None:
    """Makes what is missing on the way to `path`; a directory that exists stays as it is, its mode included.

    Raises StartupError where it cannot be made.
    """
    if path.is_dir():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700)
        if os.geteuid() == 0:
            # PostgreSQL runs as another user then, who passes through here to a directory of its own.
            path.chmod(0o711)
    except FileExistsError:
        if not path.is_dir():
            raise StartupError(f"{path} is not a directory. Choose another --data-dir.") from None
    except OSError as error:
        raise StartupError(
            f"The data directory {path} cannot be made: {error.strerror} ({error.filename}). "
            "Choose another with --data-dir or LICET_DATA_DIR."
        ) from None


def write_private(path: Path, text: str) -> None:
    """Puts `text` into a file of mode 0600, whole or not at all, also across a power cut."""
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(fresh).rename(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def read_private(path: Path) -> str | None:
    """What `write_private` wrote, without blanks around it; None if there is nothing yet."""
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartupError(
            f"{path} cannot be read: {error.strerror}. It belongs to whoever started Licet first."
        ) from None


class DataDirLock:
    """The kernel's lock on `DATA_DIR/lock`. It ends with the process, however that ends."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "lock"
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Raises StartupError where another process holds it, and says which."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StartupError(
                f"The data directory {self._path.parent} cannot be used: {error.strerror} ({self._path}). "
                "Run as the user who made it, or choose another --data-dir."
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
                "Stop that one, or choose another --data-dir."
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
