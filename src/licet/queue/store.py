# ruff: noqa: S608 - what is put into the statements are names that the tables' definitions give, never a caller's
"""Tables of due work, and the log of the queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from licet.db.connection import Connection
from licet.db.pool import Pool

DUE_BATCH = 100
"""The most rows that are listed as due at once."""


@dataclass(frozen=True)
class DueTable:
    """A table of work: each row has the time at which it is due.

    key: the columns of the primary key, which the job's key joins with `|`.
    due: the column of that time, in business time; null means that the row is not due.
    attempts: True if `postpone` counts the tries that failed, in the column `attempts`.
    error: True if the column `error` keeps why the last try failed.
    request: a column that grows with each new request for the same work. It is part of the job's key, so that a request
    that is made while the job runs is not dropped as a duplicate.
    """

    name: str
    key: tuple[str, ...]
    due: str = "due_at"
    attempts: bool = True
    error: bool = False
    request: str | None = None

    async def list_due(self, conn: Connection | Pool, now: datetime) -> Sequence[str]:
        """The jobs' keys of the rows that are due, the longest due first, at most `DUE_BATCH`."""
        columns = ", ".join(self._job_columns)
        rows = await conn.fetch(
            f"SELECT {columns} FROM {self.name} WHERE {self.due} <= $1 ORDER BY {self.due} LIMIT {DUE_BATCH}", now
        )
        return [join_key(*row) for row in rows]

    async def count_attempts(self, conn: Connection | Pool, job_key: str) -> int:
        """How many tries have failed; 0 if `postpone` does not count them."""
        if not self.attempts:
            return 0
        found: int | None = await conn.fetchval(
            f"SELECT attempts FROM {self.name} WHERE {self._has_key(1)}", *self._key_of(job_key)
        )
        return found or 0

    async def postpone(
        self, conn: Connection | Pool, job_key: str, until: datetime | None, error: str | None = None
    ) -> None:
        """Count a try that failed, and write when the row is due again.

        until: None: the row is not due again. Does nothing if the row is gone.
        """
        changed = [f"{self.due} = $1"]
        changed += ["attempts = attempts + 1"] if self.attempts else []
        changed += ["error = $2"] if self.error else []
        values = (until, error) if self.error else (until,)
        await conn.execute(
            f"UPDATE {self.name} SET {', '.join(changed)} WHERE {self._has_key(len(values) + 1)}",
            *values,
            *self._key_of(job_key),
        )

    @property
    def _job_columns(self) -> tuple[str, ...]:
        return self.key if self.request is None else (*self.key, self.request)

    def _key_of(self, job_key: str) -> list[str]:
        return split_key(job_key)[: len(self.key)]

    def _has_key(self, first: int) -> str:
        return " AND ".join(f"{column} = ${first + n}" for n, column in enumerate(self.key))


def join_key(*columns: object) -> str:
    """The key of a job, from the columns that name its row."""
    return "|".join(str(column) for column in columns)


def split_key(job_key: str) -> list[str]:
    """The columns that `join_key` joined."""
    return job_key.split("|")


async def prune_log(pool: Pool) -> None:
    """Delete the lines of pgqueuer's log that are older than a week: pgqueuer itself never deletes any."""
    await pool.execute("DELETE FROM pgqueuer_log WHERE created < now() - interval '7 days'")
