"""The SQLite file: opened for one process alone, mode 0600, and safe against `kill -9` (write-ahead log)."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any

from licet_sandbox.state.versions import bring_up_to_date

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Store:
    """One connection, used from the event loop's thread alone: a call takes well under a millisecond."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            # Made here, because SQLite would make it readable by all. Its WAL takes the same mode.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(str(path) if path is not None else ":memory:", isolation_level=None, timeout=1)
        self._db.row_factory = sqlite3.Row
        try:
            # EXCLUSIVE: a second sandbox on the same file would send every event twice.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            # 16 MB: the same pages change again and again, and reach the file itself the less often.
            self._db.execute("PRAGMA wal_autocheckpoint = 4000")
            bring_up_to_date(self._db, resources.files("licet_sandbox.state").joinpath("schema.sql").read_text())
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # Where the disk is full, SQLite may have taken it back by itself.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Inside a transaction: whatever is written in here is taken back at its end."""
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
        """Change something; the id of the row that an INSERT made."""
        return self._db.execute(sql, values).lastrowid or 0

    def run_many(self, sql: str, values: list[tuple[Any, ...]]) -> None:
        """Change something once for each of these."""
        self._db.executemany(sql, values)

    def get_meta(self, key: str) -> str | None:
        """A fact about the sandbox itself."""
        found: str | None = self.value("SELECT value FROM meta WHERE key = ?", key)
        return found

    def set_meta(self, key: str, value: str) -> None:
        """Remember a fact about the sandbox itself."""
        self.run("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
