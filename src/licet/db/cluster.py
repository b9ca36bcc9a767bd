"""The database's files: made once, whole or not at all."""

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
"""What Licet connects as and to: the owner of its database, no superuser, so SQL reaches no file of the machine."""

_INITDB = [
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",  # sorts alike on every machine, whatever its C library is
    "--auth-local=peer",
    "--auth-host=reject",
    "--no-instructions",
]
_SETUP = f"CREATE ROLE {ROLE} LOGIN CREATEDB;\nCREATE DATABASE {DATABASE} OWNER {ROLE};\n"


def clean_environment() -> dict[str, str]:
    """What PostgreSQL's programs get to see: none of our secrets, and no PGPORT or PGDATA from a shell."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def make_cluster(cluster: Path, account: ServerAccount, *, durable: bool) -> None:
    """A new cluster with our role and database in it.

    Built under another name and moved into place, so that one cut short is never taken for a database.
    Raises StartupError with what PostgreSQL said.
    """
    building = cluster.with_name(f"{cluster.name}.new-{secrets.token_hex(4)}")
    building.mkdir(mode=0o700)
    account.own(building)
    try:
        sync = [] if durable else ["--no-sync"]
        _run(account, [str(binaries() / "initdb"), f"--pgdata={building}", *_INITDB, *sync], building)
        settings = ["-c", "exit_on_error=on", "-c", "log_checkpoints=off", "-c", f"fsync={'on' if durable else 'off'}"]
        single = [str(binaries() / "postgres"), "--single", "-D", str(building), *settings, "postgres"]
        _run(account, single, building, script=_SETUP)
        building.rename(cluster)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def check_cluster(cluster: Path) -> None:
    """Raises StartupError where the folder is not a database that these programs can open."""
    try:
        found = (cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise StartupError(
            f"{cluster} exists and is not a PostgreSQL database. Move it away, or choose another --data-dir."
        ) from None
    if found != str(MAJOR_VERSION):
        raise StartupError(
            f"{cluster} was made by PostgreSQL {found}, and this Licet brings {MAJOR_VERSION}. Dump it with the Licet "
            "that made it (pg_dump), and restore it into a new --data-dir."
        )


def _run(account: ServerAccount, argv: list[str], building: Path, *, script: str = "") -> None:
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
        **identity,
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-1500:]
        raise StartupError(f"PostgreSQL could not make its database in {building.parent}:\n{said}")
