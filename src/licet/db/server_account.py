"""The operating system account that runs the embedded server.

PostgreSQL refuses to run as root, so root runs it as a system user. That user may lack access to a parent of the
data directory (a `/root` of mode 0700). Licet does not change that mode: it gives the server the one capability that
it needs (`dac_read_search`), or reports which parent blocks the way.
"""

import os
import pwd
import shutil
import stat
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from licet.startup_error import StartupError

SYSTEM_USER = "licet"
_CAP_DAC_READ_SEARCH, _CAP_SETPCAP = 2, 8  # linux/capability.h


class PopenIdentity(TypedDict, total=False):
    """The arguments of `subprocess.Popen` that set the user of the program."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class ServerAccount:
    """The operating system account that owns the database's files and runs the server."""

    uid: int
    gid: int
    name: str

    def runs(self, argv: list[str], reaching: Iterable[Path]) -> tuple[list[str], PopenIdentity]:
        """The command and Popen arguments that run `argv` as this account with access to `reaching`.

        Raises StartupError, with the directory that blocks access, if only a change of its mode would help.
        """
        if os.geteuid() == self.uid:
            return argv, {}
        blocked = next((parent for path in reaching if (parent := self._blocked_by(path))), None)
        if blocked is None:
            return argv, {"user": self.uid, "group": self.gid, "extra_groups": []}
        setpriv = shutil.which("setpriv")
        if setpriv is None or not _may_pass_on_dac_read_search():
            raise StartupError(
                f"PostgreSQL does not run as root, and the user {self.name!r} that runs it cannot enter {blocked} "
                f"(mode {stat.S_IMODE(blocked.stat().st_mode):04o}). Licet does not change the mode of a directory "
                "that it did not create. Choose another --data-dir (such as /var/lib/licet), or give that user access: "
                f"chmod o+x {blocked}"
            )
        only = "-all,+dac_read_search"
        user = [f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        caps = [f"--inh-caps={only}", f"--ambient-caps={only}", f"--bounding-set={only}"]
        # PostgreSQL calls access(2) on its own programs. Without this bit the kernel ignores capabilities there.
        return [setpriv, "--securebits=+no_setuid_fixup", *user, *caps, *argv], {}

    def _blocked_by(self, path: Path) -> Path | None:
        """The outermost directory of `path`, itself included, that this account may not enter."""
        for directory in reversed([path, *path.parents]):
            facts = directory.stat()
            if not stat.S_ISDIR(facts.st_mode):
                continue
            if facts.st_uid == self.uid:
                may_pass = facts.st_mode & stat.S_IXUSR
            elif facts.st_gid == self.gid:
                may_pass = facts.st_mode & stat.S_IXGRP
            else:
                may_pass = facts.st_mode & stat.S_IXOTH
            if not may_pass:
                return directory
        return None

    def own(self, path: Path) -> None:
        """Makes this account the owner of a file or directory that Licet has just created."""
        if os.geteuid() != self.uid:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def server_account_for(cluster: Path) -> ServerAccount:
    """The owner of an existing cluster, else the current user.

    For root it is a system user, created if missing. Raises StartupError if the cluster belongs to another user and the
    current user is not root.
    """
    if cluster.exists():
        facts = cluster.stat()
        if facts.st_uid not in (0, os.geteuid()) and os.geteuid() != 0:
            raise StartupError(
                f"{cluster} belongs to {_name_of(facts.st_uid)!r}. Run as that user or as root, or choose another "
                "--data-dir."
            )
        if facts.st_uid != 0:
            return ServerAccount(facts.st_uid, facts.st_gid, _name_of(facts.st_uid))
    if os.geteuid() != 0:
        return ServerAccount(os.geteuid(), os.getegid(), _own_name())
    entry = _system_user()
    return ServerAccount(entry.pw_uid, entry.pw_gid, entry.pw_name)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise StartupError(
            f"The user id {os.geteuid()} has no name in /etc/passwd, which PostgreSQL's initdb requires. Run as a "
            "named user, or set LICET_DATABASE_URL to your own PostgreSQL server (15 or later)."
        ) from None


def _system_user() -> pwd.struct_passwd:
    """The system user `licet`, created if it is missing. Two processes may do this at once."""
    complaint = ""
    for _ in range(20):
        try:
            return pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            complaint = _make_system_user()
        # `useradd` fails at once while another process has /etc/passwd locked.
        time.sleep(0.1)
    raise StartupError(
        f"PostgreSQL does not run as root, and the system user {SYSTEM_USER!r} could not be created ({complaint}). "
        "Create it by hand, run Licet as an ordinary user, or set LICET_DATABASE_URL to your own PostgreSQL server."
    )


def _make_system_user() -> str:
    """Runs the system's tool for adding users. Returns its error output, empty if it succeeded."""
    without_home = ["--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    commands = [
        ["useradd", "--system", "--user-group", *without_home, SYSTEM_USER],
        ["adduser", "-S", "-D", "-H", "-s", "/sbin/nologin", SYSTEM_USER],  # BusyBox
    ]
    for command in commands:
        program = shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if program:
            done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
            return done.stderr.strip()
    return "neither useradd nor adduser is installed"


def _may_pass_on_dac_read_search() -> bool:
    """True if this process has the capability and may pass it on, which a container's root often may not."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return False
    sets = {line[:6]: int(line[8:], 16) for line in status.splitlines() if line.startswith("Cap")}
    needed = 1 << _CAP_DAC_READ_SEARCH | 1 << _CAP_SETPCAP
    return all(sets[name] & needed == needed for name in ("CapBnd", "CapEff"))
