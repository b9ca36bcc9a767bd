"""The SQLite file: locked by one process, mode 0600, safe against `kill -9` (write-ahead log)."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any

from licet_sandbox.state.versions import migrate_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Store:
    """One connection. Use it from the event loop's thread: a call takes well under a millisecond."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            # Created here, because SQLite would make it readable by all users. Its WAL gets the same mode.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(str(path) if path is not None else ":memory:", isolation_level=None, timeout=1)
        self._db.row_factory = sqlite3.Row
        try:
            # EXCLUSIVE: a second sandbox on the same file would send every event twice.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            # 16 MB: the same pages change often, so that a larger WAL means fewer writes to the file itself.
            self._db.execute("PRAGMA wal_autocheckpoint = 4000")
            migrate_file(self._db, resources.files("licet_sandbox.state").joinpath("schema.sql").read_text())
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits what is done inside, or rolls it back on an exception."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # On a full disk SQLite may already have rolled back.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Rolls back what is written inside. Use it within a transaction."""
        self._db.execute("SAVEPOINT rehearsal")
        try:
            yield
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK TO rehearsal")
                self._db.execute("RELEASE rehearsal")

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row, or None."""
        found: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
        return found

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        found = self.row(sql, *values)
        return None if found is None else found[0]

    def run(self, sql: str, *values: Any) -> int:
        """Runs a statement; returns the id of the row that an INSERT made."""
        return self._db.execute(sql, values).lastrowid or 0

    def run_many(self, sql: str, values: list[tuple[Any, ...]]) -> None:
        """Runs a statement once for each of the values."""
        self._db.executemany(sql, values)

    def get_meta(self, key: str) -> str | None:
        """A stored fact about the sandbox itself, or None."""
        found: str | None = self.value("SELECT value FROM meta WHERE key = ?", key)
        return found

    def set_meta(self, key: str, value: str) -> None:
        """Stores a fact about the sandbox itself."""
        self.run("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
