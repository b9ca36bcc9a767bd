"""Chooses a private directory for the embedded server's Unix socket."""

import hashlib
import os
import re
import stat
from pathlib import Path

from licet.db.server_account import ServerAccount
from licet.startup_error import StartupError

_MAX_SOCKET_PATH_BYTES = 107
"""The limit of Linux for a socket's path (`sun_path` in unix(7)). macOS allows 103, hence the margin below."""
_NAME = "/.s.PGSQL.5432"
_PLAIN = re.compile(r"[A-Za-z0-9._/+=@-]+")
"""Paths that need no escaping in a DSN. A comma, for example, would be read as a list of hosts."""


def choose_socket_dir(data_dir: Path, account: ServerAccount) -> Path:
    """Returns `run` in the data directory, or a private directory elsewhere if that path does not fit.

    A path does not fit if it is too long for a socket or contains characters that a DSN would have to escape.
    Raises StartupError if there is no directory that fits.
    """
    inside = data_dir / "run"
    if _fits(inside):
        return _private(inside, account)
    name = f"licet-{account.uid}-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}"
    for base in (os.environ.get("XDG_RUNTIME_DIR"), "/run" if os.geteuid() == 0 else None, "/tmp"):  # noqa: S108 - 0700 and checked
        if base and Path(base).is_dir() and os.access(base, os.W_OK) and _fits(Path(base, name)):
            return _private(Path(base, name), account)
    raise StartupError(
        f"The path {data_dir} is too long for PostgreSQL's socket or contains special characters, and no other "
        "directory can be used for the socket. Choose another --data-dir."
    )


def _fits(directory: Path) -> bool:
    path = f"{directory}{_NAME}"
    return len(os.fsencode(path)) <= _MAX_SOCKET_PATH_BYTES - 4 and _PLAIN.fullmatch(path) is not None


def _private(directory: Path, account: ServerAccount) -> Path:
    """Creates the directory, or checks an existing one.

    In a shared place another user may have created it. Raises StartupError if it is not private to the account.
    """
    try:
        directory.mkdir(mode=0o700)
        account.own(directory)
    except FileExistsError:
        facts = directory.lstat()
        private = stat.S_ISDIR(facts.st_mode) and facts.st_uid == account.uid and not facts.st_mode & 0o077
        if not private:
            raise StartupError(
                f"{directory} must be a directory of mode 0700 that belongs to {account.name!r}, and is not. "
                "Check which program created it, then remove it."
            ) from None
    return directory
