"""The embedded PostgreSQL server, which Licet starts and stops, on a Unix socket only.

    DATA_DIR/postgres        the database's files (mode 0700, owned by the server account)
    DATA_DIR/run             the socket (mode 0700; a short directory elsewhere if that path is too long)
    DATA_DIR/postgres.log    the server's log
    DATA_DIR/pg_hba.conf, pg_ident.conf    access rules: `peer` authentication of the server account and of root

The server does not listen on TCP and has no password: only the server account and root can enter the directory.
A server that is still running after its parent was killed is adopted. Reasons: docs/decisions/embedded-postgresql.md.
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

from licet.data_dir import make_data_dir, write_file
from licet.db.binaries import binaries
from licet.db.cluster import (
    DATABASE,
    ROLE,
    SUPERUSER,
    check_cluster,
    clean_environment,
    make_cluster,
    remove_incomplete_clusters,
)
from licet.db.postmaster import Postmaster, find_postmaster, remove_stale_pid_file, remove_stale_socket, shut_down
from licet.db.server_account import ServerAccount, server_account_for
from licet.db.socket_dir import choose_socket_dir
from licet.startup_error import StartupError

_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # a DETAIL line would quote the row that failed
    "max_wal_size": "256MB",
    "recovery_init_sync_method": "syncfs" if sys.platform == "linux" else "fsync",  # one call instead of one per file
    "jit": "off",  # the statements are short: compiling them takes longer than running them
}
_NON_DURABLE_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",
    "shared_buffers": "64MB",
    # An autovacuum worker blocks dropping a database, and databases that exist for a second need none.
    "autovacuum": "off",
}
"""Settings for tests: no write waits for the disk, and a power cut destroys the database."""
_START_TIMEOUT_SECONDS = 300.0
"""Recovery after a crash reads the whole write-ahead log, so a start may take this long while the process runs."""
_LOG_LIMIT_BYTES = 10 * 1024 * 1024


class EmbeddedPostgres:
    """One server on one data directory. The caller holds the lock of that directory."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        # Symbolic links are resolved, because the path is compared with a running server's working directory.
        self._data_dir = Path(os.path.realpath(data_dir))
        self._cluster = self._data_dir / "postgres"
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_dir: Path | None = None

    @property
    def dsn(self) -> str:
        """`postgresql://licet@/licet?host=DIRECTORY`, for asyncpg and psql.

        Known once the server has started.
        """
        return self._dsn(ROLE, DATABASE)

    async def start(self) -> str:
        """Starts or adopts the server, waits until it takes connections, and returns the DSN.

        Raises StartupError.
        """
        await asyncio.to_thread(self.launch)
        await self.ready()
        return self.dsn

    def has_ended(self) -> bool:
        """True if the server that was started or adopted no longer runs."""
        if self._process is not None:
            return self._process.poll() is not None
        running = find_postmaster(self._cluster)
        return running is None or not running.running

    async def stop(self, *, patience_seconds: float = 3.0) -> None:
        """Stops the server: a fast shutdown, after `patience_seconds` an immediate one, then it is killed."""
        await asyncio.to_thread(self._stop, patience_seconds)

    def launch(self) -> None:
        """Creates the database if there is none, and starts the server process without waiting for it."""
        make_data_dir(self._data_dir)
        remove_incomplete_clusters(self._cluster)
        account = server_account_for(self._cluster)
        if self._cluster.exists():
            check_cluster(self._cluster)
        else:
            self._check_reachable(account)
            make_cluster(self._cluster, account, durable=self._durable)
        changed = self._write_access_rules(account)
        self._process = None
        running = find_postmaster(self._cluster)
        if running and running.running:
            if changed:
                os.kill(running.pid, signal.SIGHUP)
            return
        remove_stale_pid_file(self._cluster)
        self._process = self._spawn(account)

    async def ready(self) -> None:
        """Waits until the server takes connections. Raises StartupError with the end of the server's log."""
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            running = find_postmaster(self._cluster)
            gone = self._process.poll() is not None if self._process else not (running and running.running)
            if gone:
                await self._restart_or_raise()
            elif running and running.ready and self._is_mine(running) and await self._answers(running):
                self._socket_dir = running.socket_dir
                return
            await asyncio.sleep(0.005)
        raise StartupError(f"PostgreSQL did not become ready in {_START_TIMEOUT_SECONDS:.0f} s. {self._log_tail()}")

    async def _restart_or_raise(self) -> None:
        """Starts again if an adopted server was shutting down, or a killed server's children still ran.

        Raises StartupError for any other reason.
        """
        adopted = self._process is None
        if not adopted and "shared memory block" not in self._log_tail():
            raise StartupError(f"PostgreSQL did not start. {self._log_tail()}")
        await asyncio.sleep(0 if adopted else 0.2)
        remove_stale_pid_file(self._cluster)
        self._process = self._spawn(server_account_for(self._cluster))

    def _is_mine(self, running: Postmaster) -> bool:
        """False for the pid file of the previous server, which the new one has not replaced yet."""
        return self._process is None or running.pid == self._process.pid

    async def _answers(self, running: Postmaster) -> bool:
        """True if the server takes a connection. A server that this process started is not asked again."""
        if self._process is not None:
            return True
        import asyncpg  # noqa: PLC0415 - takes a quarter of a second, in which the server already starts

        try:
            connection = await asyncpg.connect(self._dsn(ROLE, DATABASE, running.socket_dir), timeout=5)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError):
            return False
        except asyncpg.PostgresError as error:
            raise StartupError(
                f"A PostgreSQL (process {running.pid}) already serves {self._cluster} and refuses Licet: {error}. "
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

    def _check_reachable(self, account: ServerAccount) -> None:
        """Raises StartupError, before anything is created, if the account cannot reach the data directory."""
        account.runs([], reaching=[self._data_dir, binaries() / "postgres"])

    def _write_access_rules(self, account: ServerAccount) -> bool:
        """Writes the access rules. Returns True if they changed.

        They are written at each start, because the directory may have come from another machine or user.
        """
        changed = False
        people = sorted({account.name, "root"})
        ident = "".join(f'licet "{name}" {role}\n' for name in people for role in (ROLE, SUPERUSER))
        for name, text in (("pg_hba.conf", "local all all peer map=licet\n"), ("pg_ident.conf", ident)):
            path = self._data_dir / name
            if path.exists() and path.read_text(encoding="utf-8") == text:
                continue
            write_file(path, text, mode=0o644)
            changed = True
        return changed

    def _spawn(self, account: ServerAccount) -> "subprocess.Popen[bytes]":
        socket_dir = choose_socket_dir(self._data_dir, account)
        remove_stale_socket(socket_dir)
        settings = {
            **_SETTINGS,
            **({} if self._durable else _NON_DURABLE_SETTINGS),
            "unix_socket_directories": str(socket_dir),
            "hba_file": str(self._data_dir / "pg_hba.conf"),
            "ident_file": str(self._data_dir / "pg_ident.conf"),
        }
        program = binaries() / "postgres"
        argv = [str(program), "-D", str(self._cluster)]
        argv += [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        command, identity = account.runs(argv, reaching=[self._cluster, socket_dir, program])
        with self._open_log() as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=clean_environment(),
                start_new_session=True,  # Ctrl-C in the terminal must reach Licet only, not the server
                **identity,
            )

    def _open_log(self) -> BinaryIO:
        path = self._data_dir / "postgres.log"
        if path.exists() and path.stat().st_size > _LOG_LIMIT_BYTES:
            path.rename(path.with_suffix(".log.1"))
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600), "ab")

    def _log_tail(self) -> str:
        path = self._data_dir / "postgres.log"
        if not path.exists():
            return f"It wrote no log to {path}."
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 1500))
            return f"The end of its log ({path}):\n{log.read().decode(errors='replace').strip()}"

    def _dsn(self, role: str, database: str, socket_dir: Path | None = None) -> str:
        directory = socket_dir or self._socket_dir
        if directory is None:
            raise RuntimeError("the embedded server has no address before it is started: call start first")
        return f"postgresql://{role}@/{database}?host={quote(str(directory))}"
