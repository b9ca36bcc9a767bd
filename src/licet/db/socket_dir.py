"""Where the embedded server's Unix socket stands: a directory that only its own account may enter."""

import hashlib
import os
import re
import stat
from pathlib import Path

from licet.db.server_account import ServerAccount
from licet.startup_error import StartupError

_LONGEST = 107
"""Bytes of a socket's path that Linux takes (`sun_path` in unix(7)); macOS takes 103, hence the margin below."""
_NAME = "/.s.PGSQL.5432"
_PLAIN = re.compile(r"[A-Za-z0-9._/+=@-]+")
"""What needs no escaping in a DSN: a comma, say, would be read as a list of hosts."""


def choose_socket_dir(data_dir: Path, account: ServerAccount) -> Path:
    """`run` in the data directory; where its path is too long or odd for a DSN, a short private directory elsewhere."""
    inside = data_dir / "run"
    if _fits(inside):
        return _private(inside, account)
    name = f"licet-{account.uid}-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}"
    for base in (os.environ.get("XDG_RUNTIME_DIR"), "/run" if os.geteuid() == 0 else None, "/tmp"):  # noqa: S108 - 0700 and checked
        if base and Path(base).is_dir() and os.access(base, os.W_OK) and _fits(Path(base, name)):
            return _private(Path(base, name), account)
    raise StartupError(
        f"{data_dir} is too long or odd a path for PostgreSQL's socket, and there is no short directory to put it in. "
        "Choose another --data-dir."
    )


def _fits(directory: Path) -> bool:
    path = f"{directory}{_NAME}"
    return len(os.fsencode(path)) <= _LONGEST - 4 and _PLAIN.fullmatch(path) is not None


def _private(directory: Path, account: ServerAccount) -> Path:
    """The directory, made if it is missing. In a shared place somebody may have been there first: then we refuse."""
    try:
        directory.mkdir(mode=0o700)
        account.own(directory)
    except FileExistsError:
        facts = directory.lstat()
        ours = stat.S_ISDIR(facts.st_mode) and facts.st_uid == account.uid and not facts.st_mode & 0o077
        if not ours:
            raise StartupError(
                f"{directory} should be a directory of mode 0700 that belongs to {account.name!r}, and is not. "
                "Look at who made it, then remove it."
            ) from None
    return directory
