"""Creates the files of the embedded database (a PostgreSQL cluster), and checks existing ones."""

import fcntl
import os
import secrets
import shutil
import subprocess
from pathlib import Path

from licet.db.binaries import MAJOR_VERSION, binaries
from licet.db.server_account import ServerAccount
from licet.startup_error import StartupError

SUPERUSER = "postgres"
ROLE = DATABASE = "licet"
"""The role and database that Licet connects with. The role owns the database and is not a superuser, so that SQL
cannot read files of the machine."""

_INCOMPLETE = ".new-"
"""The name of a cluster that is being created is that of the cluster, this, and random digits."""

_INITDB = [
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",  # sorts the same on every machine, independent of its C library
    "--auth-local=peer",
    "--auth-host=reject",
    "--no-instructions",
]
_SETUP = f"CREATE ROLE {ROLE} LOGIN CREATEDB;\nCREATE DATABASE {DATABASE} OWNER {ROLE};\n"


def clean_environment() -> dict[str, str]:
    """The environment of PostgreSQL's programs, without Licet's secrets and a shell's PGPORT and PGDATA."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def make_cluster(cluster: Path, account: ServerAccount, *, durable: bool) -> None:
    """Creates a cluster that contains Licet's role and database.

    It is created under another name and then renamed, so that an interrupted creation leaves no incomplete cluster.
    Raises StartupError with PostgreSQL's output.
    """
    building = cluster.with_name(f"{cluster.name}{_INCOMPLETE}{secrets.token_hex(4)}")
    building.mkdir(mode=0o700)
    # PostgreSQL's programs inherit the lock, which so lasts as long as one of them works in the directory.
    lock = os.open(building, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        account.own(building)
        sync = [] if durable else ["--no-sync"]
        _run(account, [str(binaries() / "initdb"), f"--pgdata={building}", *_INITDB, *sync], building, lock)
        settings = ["-c", "exit_on_error=on", "-c", "log_checkpoints=off", "-c", f"fsync={'on' if durable else 'off'}"]
        single = [str(binaries() / "postgres"), "--single", "-D", str(building), *settings, "postgres"]
        _run(account, single, building, lock, script=_SETUP)
        building.rename(cluster)
    finally:
        os.close(lock)
        shutil.rmtree(building, ignore_errors=True)


def remove_incomplete_clusters(cluster: Path) -> None:
    """Removes what interrupted calls of `make_cluster` left, unless a program still works there.

    The caller holds the lock of the data directory.
    """
    for left in cluster.parent.glob(f"{cluster.name}{_INCOMPLETE}*"):
        try:
            lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # no directory, or another user's
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)


def check_cluster(cluster: Path) -> None:
    """Raises StartupError if the directory is not a cluster that the installed PostgreSQL can open."""
    try:
        found = (cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise StartupError(
            f"{cluster} exists and is not a PostgreSQL database. Move it away, or choose another --data-dir."
        ) from None
    if found != str(MAJOR_VERSION):
        raise StartupError(
            f"{cluster} was created by PostgreSQL {found}, and this Licet contains {MAJOR_VERSION}. Dump it with the "
            "Licet that created it (pg_dump), and restore it into a new --data-dir."
        )


def _run(account: ServerAccount, argv: list[str], building: Path, lock: int, *, script: str = "") -> None:
    command, identity = account.runs(argv, reaching=[building, Path(argv[0])])
    done = subprocess.run(
        command,
        input=script,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=clean_environment(),
        start_new_session=True,
        pass_fds=(lock,),
        **identity,
    )
    if done.returncode != 0:
        output = (done.stderr.strip() or done.stdout.strip())[-1500:]
        raise StartupError(
            f"PostgreSQL could not create its database in {building.parent}. Correct what it reports:\n{output}"
        )
