"""PostgreSQL that Licet brings along and runs itself, on a Unix socket and nothing else.

    DATA_DIR/postgres        the database's files (mode 0700, the server account's)
    DATA_DIR/run             its socket (mode 0700; a short directory elsewhere where that path is too long)
    DATA_DIR/postgres.log    what it says
    DATA_DIR/pg_hba.conf, pg_ident.conf    who may connect: by the kernel's word (`peer`), the account itself and root

Nothing listens on TCP and there is no password to lose: whoever may enter the directory is the account itself or root.
A server that outlived a killed parent is adopted. Why it is so: docs/decisions/embedded-postgresql.md.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from licet.data_dir import make_data_dir
from licet.db.binaries import binaries
from licet.db.cluster import DATABASE, ROLE, SUPERUSER, check_cluster, clean_environment, make_cluster
from licet.db.postmaster import Postmaster, find_postmaster, forget_stale, forget_stale_socket, shut_down
from licet.db.server_account import ServerAccount, account_for
from licet.db.socket_dir import choose_socket_dir
from licet.startup_error import StartupError

_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # a DETAIL line quotes the row that failed
    "max_wal_size": "256MB",
    "recovery_init_sync_method": "syncfs" if sys.platform == "linux" else "fsync",  # one call, not one for each file
    "jit": "off",  # our statements are short: compiling them costs more than running them
}
_FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",
    "shared_buffers": "64MB",
    # Its workers hold on to a database that is to be dropped, and small databases that live a second need none.
    "autovacuum": "off",
}
"""For tests: a power cut loses the database, and nothing waits for the disk."""
_START_PATIENCE_SECONDS = 300.0
"""Recovery after a crash reads the whole write-ahead log; we wait as long as the process lives, up to this."""
_LOG_LIMIT_BYTES = 10 * 1024 * 1024


class EmbeddedPostgres:
    """One server over one data directory. The caller holds that directory's lock."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        # PostgreSQL resolves no symbolic links in its own records, and we compare with them.
        self._data_dir = Path(os.path.realpath(data_dir))
        self._cluster = self._data_dir / "postgres"
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_dir: Path | None = None

    @property
    def dsn(self) -> str:
        """`postgresql://licet@/licet?host=DIRECTORY`, for asyncpg and psql alike. Known once it is started."""
        return self._dsn(ROLE, DATABASE)

    async def start(self) -> str:
        """Starts or adopts the server, waits until it answers, and returns the DSN. Raises StartupError."""
        await asyncio.to_thread(self.launch)
        await self.ready()
        return self.dsn

    async def stop(self, *, patience_seconds: float = 3.0) -> None:
        """Fast shutdown, the immediate one after `patience_seconds`. Does nothing when none runs."""
        await asyncio.to_thread(self._stop, patience_seconds)

    def launch(self) -> None:
        """Makes the database if there is none, and starts the server's process without waiting for it."""
        make_data_dir(self._data_dir)
        account = account_for(self._cluster)
        if self._cluster.exists():
            check_cluster(self._cluster)
        else:
            self._let_in(account)
            make_cluster(self._cluster, account, durable=self._durable)
        changed = self._write_access_rules(account)
        running = find_postmaster(self._cluster)
        if running and running.running:
            if changed:
                os.kill(running.pid, signal.SIGHUP)
            return
        forget_stale(self._cluster)
        self._process = self._spawn(account)

    async def ready(self) -> None:
        """Waits until the server takes connections. Raises StartupError with the end of its log if it gives up."""
        deadline = time.monotonic() + _START_PATIENCE_SECONDS
        while time.monotonic() < deadline:
            running = find_postmaster(self._cluster)
            gone = self._process.poll() is not None if self._process else not (running and running.running)
            if gone:
                await self._start_again_or_give_up()
            elif running and running.ready and self._is_mine(running) and await self._answers(running):
                self._socket_dir = running.socket_dir
                return
            await asyncio.sleep(0.005)
        raise StartupError(f"PostgreSQL did not become ready in {_START_PATIENCE_SECONDS:.0f} s. {self._last_words()}")

    async def _start_again_or_give_up(self) -> None:
        """What we adopted may have been on its way down, and a killed server's children linger for a moment."""
        adopted = self._process is None
        if not adopted and "shared memory block" not in self._last_words():
            raise StartupError(f"PostgreSQL did not start. {self._last_words()}")
        await asyncio.sleep(0 if adopted else 0.2)
        forget_stale(self._cluster)
        self._process = self._spawn(account_for(self._cluster))

    def _is_mine(self, running: Postmaster) -> bool:
        """Not the pid file of the server before, which the new one has not replaced yet."""
        return self._process is None or running.pid == self._process.pid

    async def _answers(self, running: Postmaster) -> bool:
        """Whether it takes a connection. A server that we have just started and that says so is believed."""
        if self._process is not None:
            return True
        import asyncpg  # noqa: PLC0415 - the process starts before this costs a quarter of a second

        try:
            connection = await asyncpg.connect(self._dsn(ROLE, DATABASE, running.socket_dir), timeout=5)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError):
            return False
        except asyncpg.PostgresError as error:
            raise StartupError(
                f"A PostgreSQL (process {running.pid}) already serves {self._cluster} and turns Licet away: {error}. "
                f"Stop it (kill -INT {running.pid}) and start again."
            ) from error
        await connection.close()
        return True

    def _stop(self, patience_seconds: float) -> None:
        process, running = self._process, find_postmaster(self._cluster)
        if process is not None:
            shut_down(process.pid, lambda: process.poll() is not None, patience_seconds=patience_seconds)
            self._process = None
        elif running is not None:
            shut_down(running.pid, lambda: not running.running, patience_seconds=patience_seconds)

    def _let_in(self, account: ServerAccount) -> None:
        """Fails early, before anything is made, where the account cannot come in."""
        account.runs([], reaching=[self._data_dir, binaries() / "postgres"])

    def _write_access_rules(self, account: ServerAccount) -> bool:
        """Written at each start: the directory may have come from another machine or user. True if that changed it."""
        changed = False
        people = sorted({account.name, "root"})
        ident = "".join(f'licet "{name}" {role}\n' for name in people for role in (ROLE, SUPERUSER))
        for name, text in (("pg_hba.conf", "local all all peer map=licet\n"), ("pg_ident.conf", ident)):
            path = self._data_dir / name
            if path.exists() and path.read_text(encoding="utf-8") == text:
                continue
            fresh = path.with_name(f"{name}.new")
            fresh.write_text(text, encoding="utf-8")
            fresh.chmod(0o644)
            fresh.rename(path)
            changed = True
        return changed

    def _spawn(self, account: ServerAccount) -> "subprocess.Popen[bytes]":
        socket_dir = choose_socket_dir(self._data_dir, account)
        forget_stale_socket(socket_dir)
        settings = {
            **_SETTINGS,
            **({} if self._durable else _FORGETFUL),
            "unix_socket_directories": str(socket_dir),
            "hba_file": str(self._data_dir / "pg_hba.conf"),
            "ident_file": str(self._data_dir / "pg_ident.conf"),
        }
        program = binaries() / "postgres"
        argv = [str(program), "-D", str(self._cluster)]
        argv += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command, identity = account.runs(argv, reaching=[self._cluster, socket_dir, program])
        with self._open_log() as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=clean_environment(),
                start_new_session=True,  # a Ctrl-C in the terminal is ours to answer, not the server's
                **identity,
            )

    def _open_log(self) -> BinaryIO:
        path = self._data_dir / "postgres.log"
        if path.exists() and path.stat().st_size > _LOG_LIMIT_BYTES:
            path.rename(path.with_suffix(".log.1"))
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600), "ab")

    def _last_words(self) -> str:
        path = self._data_dir / "postgres.log"
        if not path.exists():
            return f"It wrote nothing to {path}."
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 1500))
            return f"Its log ({path}) ends:\n{log.read().decode(errors='replace').strip()}"

    def _dsn(self, role: str, database: str, socket_dir: Path | None = None) -> str:
        directory = socket_dir or self._socket_dir
        if directory is None:
            raise RuntimeError("the embedded server has no address before it is started")
        return f"postgresql://{role}@/{database}?host={quote(str(directory))}"
